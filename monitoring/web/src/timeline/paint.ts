// Draws the time-slice chart. The same drawing goes to the screen, into a PNG, and into an SVG file:
// they differ in the Painter.
import { codeOf, kindOf } from './track';
import { columns, dense, rects } from './decimate';
import type { ChartLane } from './lanes';
import { ticks, type View } from './scale';

export interface Painter {
  rect(x: number, y: number, width: number, height: number, fill: string, alpha?: number): void;
  /** A row of columns a pixel wide that stand on `bottom`, from `x` on; `heights` in pixels. */
  area(x: number, bottom: number, heights: ArrayLike<number>, fill: string, alpha?: number): void;
  text(x: number, y: number, text: string, fill: string, align?: 'left' | 'center', bold?: boolean): void;
}

export interface Palette {
  ground: string; lane: string; grid: string; ink: string; muted: string;
  turn: string; gate: string; wait: string; parked: string; switch: string;
  of: (workload: string) => string;
}

export const AXIS_H = 26;
const PAD = 5;
const STRIP_H = 5;
/** A row's height, and the part of it on top that its name takes. */
export interface Rows { height: number; head: number }
export const ROWS: Record<'compact' | 'full' | 'named', Rows> =
  { compact: { height: 44, head: 0 }, full: { height: 56, head: 0 }, named: { height: 56, head: 14 } };
const PARKED = codeOf('parked');
const SWITCH = codeOf('switch');
const IDLE = codeOf('idle');

export const chartHeight = (lanes: number, rows: Rows): number => AXIS_H + (lanes + 1) * rows.height;
/** The lane at `y`: -1 the GPU's own, null none. */
export function laneAt(y: number, lanes: number, rows: Rows): number | null {
  const row = Math.floor((y - AXIS_H) / rows.height) - 1;
  return row >= -1 && row < lanes ? row : null;
}
export const laneTop = (lane: number, rows: Rows): number => AXIS_H + (lane + 1) * rows.height;

export interface Scene {
  lanes: ChartLane[];
  /** Relative to the lanes' base. */
  view: View;
  base: number;
  width: number;
  /** With a head, names are drawn there. */
  rows: Rows;
  /** What is later than this is not known yet. */
  known: number;
  zone: number;
  clock: (at: number, places: number) => string;
}

export function paint(painter: Painter, palette: Palette, scene: Scene, left = 0): void {
  const { rows } = scene;
  const height = chartHeight(scene.lanes.length, rows);
  painter.rect(left, 0, scene.width, height, palette.ground);
  for (let i = -1; i < scene.lanes.length; i++) {
    painter.rect(left, laneTop(i, rows) + rows.head + PAD, scene.width,
                 rows.height - rows.head - 2 * PAD, palette.lane);
  }
  axis(painter, palette, scene, left, height);
  gpuLane(painter, palette, scene, left);
  scene.lanes.forEach((lane, i) =>
    paintLane(painter, palette, scene, lane, laneTop(i, rows) + rows.head, left));
  unknown(painter, palette, scene, left, height);
  if (rows.head > 0) names(painter, palette, scene, left);
}

function axis(painter: Painter, palette: Palette, scene: Scene, left: number, height: number): void {
  const { view, base, width } = scene;
  const wall = { from: view.from + base, to: view.to + base };
  const { at, places } = ticks(wall, width, 96, scene.zone);
  for (const time of at) {
    const x = ((time - wall.from) / (wall.to - wall.from)) * width;
    painter.rect(left + Math.round(x), AXIS_H - 6, 1, height - AXIS_H + 6, palette.grid);
    if (x > 30 && x < width - 30) {
      painter.text(left + x, AXIS_H - 11, scene.clock(time, places), palette.muted, 'center');
    }
  }
}

/** Who ran, all in one row, each in its colour; what is merged is stacked. */
function gpuLane(painter: Painter, palette: Palette, scene: Scene, left: number): void {
  const { view, width, rows } = scene;
  const top = AXIS_H + rows.head + PAD;
  const room = rows.height - rows.head - 2 * PAD;
  const merged = scene.lanes.filter((lane) => dense(lane.tracks.ran, view, width));
  const sum = new Float32Array(Math.ceil(width));
  const stacked = merged.map((lane) => {
    const { share, code } = columns(lane.tracks.ran, view, sum.length);
    share.forEach((own, x) => { if (code[x] !== PARKED && code[x] !== IDLE) sum[x]! += own * room; });
    return { fill: palette.of(lane.workload), heights: sum.map((height) => Math.min(room, height)) };
  });
  for (const { fill, heights } of stacked.reverse()) painter.area(left, top + room, heights, fill);
  for (const lane of scene.lanes) {
    if (merged.includes(lane)) continue;
    const fill = palette.of(lane.workload);
    rects(lane.tracks.ran, view, width, ({ x, width: wide, code, share }) => {
      if (code === PARKED || code === IDLE) return;
      painter.rect(left + x, top + room * (1 - share), Math.max(1, wide), room * share, fill);
    });
  }
}

function paintLane(painter: Painter, palette: Palette, scene: Scene, lane: ChartLane, top: number,
                   left: number): void {
  const { view, width, rows } = scene;
  const own = palette.of(lane.workload);
  const room = rows.height - rows.head - 2 * PAD - 2 * STRIP_H - 2;
  const ran = top + PAD;
  rects(lane.tracks.turn, view, width, (rect) =>
    painter.rect(left + rect.x, ran, Math.max(1, rect.width), room, own, 0.16 * tenths(rect.share)));
  paintRan(painter, palette, scene, lane, { x: left, y: ran, room });
  const strip = (kind: 'wait' | 'gate', y: number): void =>
    rects(lane.tracks[kind], view, width, (rect) =>
      painter.rect(left + rect.x, y, Math.max(1, rect.width), STRIP_H, palette[kind],
                   Math.max(0.3, tenths(rect.share))));
  strip('gate', ran + room + 1);
  strip('wait', ran + room + 2 + STRIP_H);
}

const tenths = (share: number): number => Math.round(share * 10) / 10;

/** Runs, and what stands in their place; merged ones as one outline of how much of each pixel ran. */
function paintRan(painter: Painter, palette: Palette, scene: Scene, lane: ChartLane,
                  at: { x: number; y: number; room: number }): void {
  const own = palette.of(lane.workload);
  const { view, width } = scene;
  const track = lane.tracks.ran;
  if (dense(track, view, width)) {
    const { share, code } = columns(track, view, Math.ceil(width));
    const heights = share.map((part, x) =>
      part === 0 || code[x] === IDLE || code[x] === PARKED ? 0 : Math.max(1.5, at.room * part));
    painter.area(at.x, at.y + at.room, heights, own);
    return stretches(code, PARKED, (x, wide) =>
      parked(painter, palette, at.x + x, at.y, wide, at.room + 2 * STRIP_H + 2));
  }
  rects(track, view, width, ({ x, width: wide, code, share }) => {
    if (code === IDLE) return;
    if (code === PARKED) {
      return parked(painter, palette, at.x + x, at.y, wide, at.room + 2 * STRIP_H + 2);
    }
    const tall = Math.max(1.5, at.room * share);
    painter.rect(at.x + x, at.y + at.room - tall, Math.max(1, wide), tall,
                 code === SWITCH ? palette.switch : own);
  });
}

/** The stretches of `code` that are `wanted`. */
function stretches(code: Uint8Array, wanted: number, emit: (x: number, width: number) => void): void {
  for (let x = code.indexOf(wanted); x >= 0; ) {
    let end = x;
    while (code[end] === wanted) end++;
    emit(x, end - x);
    x = code.indexOf(wanted, end);
  }
}

function parked(painter: Painter, palette: Palette, x: number, y: number, width: number,
                height: number): void {
  painter.rect(x, y, width, height, palette.parked, 0.3);
  painter.rect(x, y, width, 2, palette.parked);
  painter.rect(x, y + height - 2, width, 2, palette.parked);
}

function unknown(painter: Painter, palette: Palette, scene: Scene, left: number, height: number): void {
  const { view, width, known } = scene;
  const x = Math.max(0, ((known - view.from) / (view.to - view.from)) * width);
  if (x < width) painter.rect(left + x, AXIS_H, width - x, height - AXIS_H, palette.ground, 0.75);
}

function names(painter: Painter, palette: Palette, scene: Scene, left: number): void {
  const tag = (lane: number, text: string): void =>
    painter.text(left + 6, laneTop(lane, scene.rows) + scene.rows.head / 2 + 4, text, palette.ink, 'left', true);
  tag(-1, 'GPU');
  scene.lanes.forEach((lane, i) => tag(i, `${lane.name} (${lane.source})`));
}

/** What stands at `time` in a lane, strongest first, as {kind, begin, end, share}. */
export function blocksAt(lane: ChartLane, time: number, slack: number) {
  return (['ran', 'gate', 'wait', 'turn'] as const).flatMap((layer) => {
    const track = lane.tracks[layer];
    const at = track.firstEndingAfter(time - slack);
    if (at >= track.size || track.begin[at]! > time + slack) return [];
    return [{ kind: kindOf(track.code[at]!), begin: track.begin[at]!, end: track.end[at]!,
              share: track.cover[at]! }];
  });
}
