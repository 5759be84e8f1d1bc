// The time-slice chart: a canvas with lanes, the names beside it, and what moves it.
import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import type { Gpu, Workload } from '../api/contract';
import { serverNow } from '../state/store';
import { colour, colourIndex, colourVar, reducedMotion, usePage, useThemeVersion, workloadsOf }
  from '../ui/context';
import { Source, Swatch } from '../ui/parts';
import { clock, duration, percent } from '../format';
import { ChartController } from './controller';
import { exportPng, exportSvg } from './export';
import { emptyLane } from './lanes';
import { useGestures } from './gestures';
import { ROWS, chartHeight, paint, type Palette, type Rows, type Scene } from './paint';
import { canvasPainter } from './painters';
import { span } from './scale';
import { Tooltip, type Cursor } from './tooltip';
import { codeOf } from './track';

const SPANS: [number, string][] = [[0.05, '50 ms'], [0.2, '200 ms'], [1, '1 s'], [5, '5 s'],
  [30, '30 s'], [300, '5 min'], [3600, '1 h'], [21600, '6 h'], [86400, '1 day']];

export function readPalette(gpu: string): Palette {
  const names = ['ground', 'lane', 'grid', 'ink', 'muted', 'turn', 'gate', 'wait', 'parked',
                 'switch'] as const;
  const read = Object.fromEntries(names.map((name) => [name, colour(name)]));
  const own = Array.from({ length: 8 }, (_, i) => colour(`w${i}`));
  return { ...read, of: (workload: string) => (workload ? own[colourIndex(gpu, workload)]! : colour('other')) } as Palette;
}

const rowsOf = (compact: boolean): Rows =>
  matchMedia('(max-width: 720px)').matches ? ROWS.named : compact ? ROWS.compact : ROWS.full;

export const zoneAt = (at: number): number => -new Date(at * 1000).getTimezoneOffset() * 60;

function sceneOf(controller: ChartController, now: number): Scene {
  const { set, width } = controller;
  return {
    lanes: set.lanes, view: controller.relative(), base: set.base, width, rows: controller.rows,
    known: Math.max(set.to, now - 2) - set.base, zone: zoneAt(controller.view.to), clock,
  };
}

function useController(gpu: string, seconds: number) {
  const { store, feed } = usePage();
  const [, again] = useReducer((n: number, _: void) => n + 1, 0);
  const draw = useRef(() => {});
  const controller = useMemo(() => new ChartController({
    gpu, now: () => serverNow(store.state, performance.now()),
    lag: () => 1.2 * Math.max(1, store.state.snapshot?.replay?.speed ?? 1),
    lanes: () => workloadsOf(store.state.snapshot, gpu).map((one) =>
      emptyLane(one.workload, one.name, one.class, one.rates['gpu_ratio']?.label ?? 'measured')),
    recent: (since) => feed.since(since), draw: () => draw.current(), changed: () => again(),
  }, seconds), [gpu]);
  useEffect(() => {
    const leave = feed.subscribe((blocks) => controller.append(blocks));
    return () => { leave(); controller.close(); };
  }, [controller]);
  const at = store.state.snapshot?.at;
  useEffect(() => controller.append([]), [at]);
  return { controller, draw, again };
}

/** Draws when asked to; in the live view with every frame, or with every snapshot for those who
 * want less motion. */
function useCanvas(controller: ChartController, draw: { current: () => void }, gpu: string,
                   compact: boolean) {
  const { store } = usePage();
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useThemeVersion();
  const at = store.state.snapshot?.at;
  useEffect(() => {
    const element = canvas.current!;
    let palette = readPalette(gpu);
    let frame = 0;
    const once = (): void => {
      frame = 0;
      controller.rows = rowsOf(compact);
      controller.tick();
      render(element, controller, palette, serverNow(store.state, performance.now()));
      const told = controller.tellMoves(performance.now());
      if (!told || (controller.live && !reducedMotion() && !document.hidden)) ask();
    };
    const ask = (): void => { frame = frame || requestAnimationFrame(once); };
    draw.current = ask;
    const seen = new ResizeObserver(() => { palette = readPalette(gpu); ask(); });
    seen.observe(element.parentElement!);
    ask();
    document.addEventListener('visibilitychange', ask);
    return () => {
      seen.disconnect();
      cancelAnimationFrame(frame);
      document.removeEventListener('visibilitychange', ask);
    };
  }, [controller, theme, compact]);
  useEffect(() => draw.current(), [at]);
  return canvas;
}

function render(canvas: HTMLCanvasElement, controller: ChartController, palette: Palette,
                now: number): void {
  const width = canvas.parentElement!.clientWidth;
  const height = chartHeight(controller.set.lanes.length, controller.rows);
  const ratio = Math.min(2, devicePixelRatio || 1);
  controller.width = width;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d', { alpha: false })!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint(canvasPainter(context), palette, sceneOf(controller, now));
}

const Legend = () =>
  <ul class="legend" aria-label="Colours of the chart">
    <li><i class="key run" />running (its own colour)</li>
    <li><i class="key turn" />its turn (granted)</li>
    <li><i class="key gate" />its gate closed: others wait</li>
    <li><i class="key wait" />waiting</li>
    <li><i class="key parked" />parked</li>
    <li><i class="key idle" />idle</li>
  </ul>;

/** Whether anything can be said of who ran: a GPU that nobody governs has no slices. */
const isTold = ({ set }: ChartController, gpu: Gpu): boolean =>
  set.to > 0 && (gpu.daemon !== null || set.lanes.some((lane) => lane.tracks.ran.size > 0));

function LaneNames({ controller, gpu, told, workloads, lane }: { controller: ChartController;
  gpu: string; told: boolean; workloads: Workload[]; lane: number | null }) {
  const view = controller.relative();
  const share = (kind: 'run' | 'gate' | 'wait', index: number): number => {
    const { tracks } = controller.set.lanes[index]!;
    if (kind !== 'run') return tracks[kind].seconds(codeOf(kind), view.from, view.to) / span(view);
    const kinds = ['run', 'share', 'mixed'].map(codeOf);
    return kinds.reduce((sum, code) => sum + tracks.ran.seconds(code, view.from, view.to), 0) / span(view);
  };
  const all = controller.set.lanes.map((_, i) => share('run', i));
  const sum = told ? Math.min(1, all.reduce((a, b) => a + b, 0)) : null;
  return <ol class="lane-names" aria-label="Lanes, with their shares of the time in view">
    <li class="gpu-lane"><b>GPU</b><span>in use {percent(sum)}</span></li>
    {controller.set.lanes.map((one, i) => {
      const known = workloads.find((workload) => workload.workload === one.workload);
      return <li key={one.workload} class={lane === i ? 'chosen' : ''}>
        <b><Swatch colour={colourVar(gpu, one.workload)} />{one.name} <Source label={one.source} /></b>
        <span>{known?.state === 'parked' ? 'parked' : !told ? `ran ${percent(null)}` :
          [['ran', all[i]!], ['gate', share('gate', i)], ['waits', share('wait', i)]]
            .filter(([name, value]) => name === 'ran' || Number(value) >= 0.001)
            .map(([name, value]) => `${name} ${percent(Number(value))}`).join(' · ')}</span>
      </li>;
    })}
  </ol>;
}

function Tools({ controller, compact, gpu }:
    { controller: ChartController; compact: boolean; gpu: string }) {
  const { store } = usePage();
  const wide = span(controller.view);
  const nearest = SPANS.find(([seconds]) => Math.abs(seconds / wide - 1) < 0.01);
  const scene = (): Scene => sceneOf(controller, serverNow(store.state, performance.now()));
  return <div class="tools" role="group" aria-label="View of the chart">
    <button type="button" aria-pressed={controller.live} class={controller.live ? 'on live' : 'live'}
      onClick={() => controller.setLive(!controller.live)}>
      {controller.live ? 'Live' : 'Paused'}</button>
    <select aria-label="Time in view" value={nearest ? String(nearest[0]) : ''}
      onChange={(event) => controller.showSpan(Number(event.currentTarget.value))}>
      {!nearest && <option value="">{duration(wide)}</option>}
      {SPANS.map(([seconds, name]) => <option key={seconds} value={seconds}>{name}</option>)}
    </select>
    {!compact && <>
      <button type="button" aria-label="Zoom in" onClick={() => controller.zoomBy(0.5, 0.5)}>+</button>
      <button type="button" aria-label="Zoom out" onClick={() => controller.zoomBy(2, 0.5)}>−</button>
      <button type="button" aria-label="Earlier" onClick={() => controller.panBy(-0.5)}>‹</button>
      <button type="button" aria-label="Later" onClick={() => controller.panBy(0.5)}>›</button>
      <button type="button" onClick={() => exportPng(scene(), readPalette(gpu))}>PNG</button>
      <button type="button" onClick={() => exportSvg(scene(), readPalette(gpu))}>SVG</button>
    </>}
  </div>;
}

/** `compact`: on the overview; there the wheel scrolls the page unless Ctrl is held. */
export function SliceChart({ gpu, compact = false, seconds = 5 }:
    { gpu: Gpu; compact?: boolean; seconds?: number }) {
  const { store } = usePage();
  const workloads = workloadsOf(store.state.snapshot, gpu.uuid);
  const { controller, draw, again } = useController(gpu.uuid, seconds);
  const canvas = useCanvas(controller, draw, gpu.uuid, compact);
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const box = useRef<HTMLDivElement>(null);
  useGestures(box, controller, { compact, cursor, setCursor, again });
  const { from, to } = controller.view;
  const told = isTold(controller, gpu);
  return <div class={compact ? 'slices compact' : 'slices'}>
    <Tools controller={controller} compact={compact} gpu={gpu.uuid} />
    <div class="chart">
      <LaneNames controller={controller} gpu={gpu.uuid} told={told} workloads={workloads}
        lane={cursor?.lane ?? null} />
      <div class="canvas-box" ref={box} tabIndex={0} role="application"
        data-blocks={controller.set.blocks} data-from={from} data-to={to}
        aria-label={`Time slices of GPU ${gpu.index}, ${duration(to - from)} until ${clock(to)}. ` +
          'Arrow keys move in time and between lanes, plus and minus zoom, comma and full stop go ' +
          'from block to block, space pauses, End is live.'}>
        <canvas ref={canvas} aria-hidden="true" />
        <Tooltip cursor={cursor} controller={controller} workloads={workloads} />
        {controller.error && <p class="chart-note" role="status">{controller.error}</p>}
        {!controller.error && controller.set.to > 0 && !told &&
          <p class="chart-note">No slices are known of this GPU: no corund governs it. Start a
            workload with <code>corun run</code>.</p>}
      </div>
    </div>
    <Legend />
  </div>;
}
