// Numbers as people read them. Everything unknown is a dash.

export const DASH = '–';
const known = (value: number | null | undefined): value is number =>
  value !== null && value !== undefined && Number.isFinite(value);

/** Three significant digits at most, no trailing zeros: 1.25, 12.5, 125. */
export function digits(value: number): string {
  const size = Math.abs(value);
  const places = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2;
  return String(Number(value.toFixed(places)));
}

function scaled(value: number | null | undefined, base: number, units: string[]): string {
  if (!known(value)) return DASH;
  let left = value;
  let unit = 0;
  while (Math.abs(left) >= base * 0.9995 && unit < units.length - 1) {
    left /= base;
    unit++;
  }
  return `${digits(left)} ${units[unit]}`;
}

export const bytes = (value: number | null | undefined): string =>
  scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
export const byteRate = (value: number | null | undefined): string =>
  known(value) ? `${scaled(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB'])}/s` : DASH;
export const hertz = (value: number | null | undefined): string =>
  scaled(value, 1000, ['Hz', 'kHz', 'MHz', 'GHz']);
export const watts = (value: number | null | undefined): string =>
  known(value) ? `${Math.round(value)} W` : DASH;
export const celsius = (value: number | null | undefined): string =>
  known(value) ? `${Math.round(value)} °C` : DASH;
export const rate = (value: number | null | undefined): string =>
  known(value) ? `${scaled(value, 1000, ['', 'k', 'M']).trim()}/s` : DASH;
export const count = (value: number | null | undefined): string =>
  known(value) ? Math.round(value).toLocaleString('en') : DASH;

export function percent(ratio: number | null | undefined): string {
  if (!known(ratio)) return DASH;
  const value = ratio * 100;
  if (value > 0 && value < 0.1) return '<0.1 %';
  return `${value < 10 && value > 0 ? Number(value.toFixed(1)) : Math.round(value)} %`;
}

/** A length of time, given in seconds: 3.2 us, 40 ms, 2 min 5 s. */
export function duration(seconds: number | null | undefined): string {
  if (!known(seconds)) return DASH;
  const size = Math.abs(seconds);
  if (size === 0) return '0 s';
  if (size < 0.9995e-3) return `${digits(seconds * 1e6)} µs`;
  if (size < 0.9995) return `${digits(seconds * 1e3)} ms`;
  if (size < 60) return `${digits(seconds)} s`;
  const parts: [number, string][] = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = parts.findIndex(([length]) => size >= length);
  const [length, unit] = parts[first]!;
  const whole = Math.floor(size / length);
  const next = parts[first + 1];
  const rest = next ? Math.floor((size - whole * length) / next[0]) : 0;
  const text = rest && next ? `${whole} ${unit} ${rest} ${next[1]}` : `${whole} ${unit}`;
  return seconds < 0 ? `-${text}` : text;
}
export const micros = (us: number | null | undefined): string =>
  known(us) ? duration(us / 1e6) : DASH;

const two = (value: number): string => String(value).padStart(2, '0');
/** Wall clock in the reader's time zone; `places` decimals of a second. */
export function clock(at: number | null | undefined, places = 0): string {
  if (!known(at)) return DASH;
  const scale = 10 ** places;
  const whole = Math.floor((at + 1e-6) * scale) / scale;
  const date = new Date(Math.floor(whole) * 1000);
  const fraction = places ? (whole - Math.floor(whole)).toFixed(places).slice(1) : '';
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${fraction}`;
}
export function dateTime(at: number | null | undefined): string {
  if (!known(at)) return DASH;
  const date = new Date(at * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(at)}`;
}

/** Bytes as people type them: "40GiB", "512 MB", "1e9"; null when it is none. */
export function parseBytes(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*([kmgt]?)(i?)b?\s*$/i.exec(text);
  if (!match) return null;
  const power = ' kmgt'.indexOf((match[2] || ' ').toLowerCase());
  return Math.round(Number(match[1]) * (match[3] ? 1024 : 1000) ** power);
}

/** A decision as [what changed, why]; a reason may begin with the change itself. */
export function decision({ change, why }: { change: string; why: string }): [string, string] {
  const repeats = why.startsWith(`${change}:`);
  return [change, repeats ? why.slice(change.length + 1).trim() : why];
}
