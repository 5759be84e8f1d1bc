// The part of time that is in view, and how it moves. Seconds; pure.

export interface View { from: number; to: number }

export const MIN_SPAN = 0.05;
export const MAX_SPAN = 86400;

export const span = (view: View): number => view.to - view.from;
const clampSpan = (seconds: number): number => Math.min(MAX_SPAN, Math.max(MIN_SPAN, seconds));

/** `factor` < 1 shows less time. What is at `anchor` (0 left, 1 right) stays where it is. */
export function zoom(view: View, factor: number, anchor: number): View {
  const wide = clampSpan(span(view) * factor);
  const from = view.from + anchor * (span(view) - wide);
  return { from, to: from + wide };
}

export const pan = (view: View, seconds: number): View =>
  ({ from: view.from + seconds, to: view.to + seconds });

export const around = (middle: number, seconds: number): View => {
  const wide = clampSpan(seconds);
  return { from: middle - wide / 2, to: middle + wide / 2 };
};

/** The view that ends at `now`. */
export const follow = (now: number, seconds: number): View => ({ from: now - seconds, to: now });

const STEPS = [
  1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900,
  1800, 3600, 7200, 10800, 21600, 43200, 86400,
];

/** The ticks of an axis `width` pixels wide, at least `apart` pixels from each other. `zone` is the
 * reader's offset from UTC in seconds, so that hours are whole where he is. */
export function ticks(view: View, width: number, apart: number, zone = 0):
    { step: number; at: number[]; places: number } {
  const least = (span(view) * apart) / Math.max(1, width);
  const step = STEPS.find((size) => size >= least) ?? 86400;
  const first = Math.ceil((view.from + zone) / step);
  const last = Math.floor((view.to + zone) / step);
  const at = Array.from({ length: Math.max(0, last - first + 1) },
                        (_, i) => Number(((first + i) * step).toFixed(6)) - zone);
  const places = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
  return { step, at, places };
}
