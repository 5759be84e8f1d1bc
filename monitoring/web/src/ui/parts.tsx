// Small parts that views are made of.
import type { ComponentChildren } from 'preact';
import type { Figure, Label } from '../api/contract';
import type { Trail } from '../state/store';
import { DASH } from '../format';

export type Tone = 'plain' | 'good' | 'info' | 'warn' | 'bad';

export const Badge = ({ tone = 'plain', title, children }:
    { tone?: Tone; title?: string | undefined; children: ComponentChildren }) =>
  <span class={`badge ${tone}`} title={title}>{children}</span>;

const LABEL_HELP: Record<Label, string> = {
  measured: 'measured: counted, or read from the driver',
  granted: 'granted: what the daemon ordered',
  estimated: 'estimated: from estimates of kernel durations',
};
/** M, G or E beside a figure. */
export const Source = ({ label }: { label: Label }) =>
  <abbr class={`source ${label}`} title={LABEL_HELP[label]}>{label[0]!.toUpperCase()}</abbr>;

export function Value({ figure, show }:
    { figure: Figure | undefined; show: (value: number | null) => string }) {
  if (!figure || figure.value === null) return <span class="muted">{DASH}</span>;
  return <>{show(figure.value)} {figure.label !== 'measured' && <Source label={figure.label} />}</>;
}

export const Panel = ({ title, aside, id, children, wide }: {
  title: string; aside?: ComponentChildren; id?: string; children: ComponentChildren;
  wide?: boolean }) =>
  <section class={wide ? 'panel wide' : 'panel'} aria-label={title} id={id}>
    <header><h2>{title}</h2>{aside}</header>
    {children}
  </section>;

export const Note = ({ title, children }: { title: string; children: ComponentChildren }) =>
  <div class="note"><h2>{title}</h2>{children}</div>;

/** A bar 0..1. */
export const Meter = ({ value, label, tone = 'info' }:
    { value: number | null; label: string; tone?: Tone | undefined }) =>
  <div class={`meter ${tone}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100}
    aria-valuenow={value === null ? 0 : Math.round(value * 100)}
    aria-valuetext={value === null ? 'not known' : `${Math.round(value * 100)} %`}>
    <span style={{ width: `${Math.min(100, Math.max(0, (value ?? 0) * 100))}%` }} />
  </div>;

/** The last `seconds` of a trail as a filled line, 0..`top`. */
export function Spark({ trail, now, label, seconds = 120, top = 1 }: {
  trail: Trail | undefined; now: number; label: string; seconds?: number; top?: number }) {
  const width = 240;
  const height = 44;
  const points: string[] = [];
  let first = 0;
  let last = 0;
  trail?.t.forEach((time, i) => {
    const value = trail.v[i];
    const x = width * (1 - (now - time) / seconds);
    if (value === null || value === undefined || x < 0) return;
    if (points.length === 0) first = x;
    last = x;
    points.push(`${x.toFixed(1)},${(height - 1 - (height - 3) * Math.min(1, value / top)).toFixed(1)}`);
  });
  return <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img"
    aria-label={label}>
    {points.length > 1 && <>
      <polygon points={`${first},${height} ${points.join(' ')} ${last},${height}`} />
      <polyline points={points.join(' ')} vector-effect="non-scaling-stroke" />
    </>}
  </svg>;
}

export const Swatch = ({ colour }: { colour: string }) =>
  <span class="swatch" style={{ background: colour }} aria-hidden="true" />;

export const CLASS_TONE: Record<string, Tone> =
  { 'latency-critical': 'info', normal: 'plain', 'best-effort': 'plain' };
export const STATE_TONE: Record<string, Tone> =
  { running: 'good', parked: 'warn', parking: 'warn', resuming: 'info', absent: 'plain' };
