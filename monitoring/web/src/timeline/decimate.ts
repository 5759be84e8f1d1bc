// What to draw of a track: its blocks where they are wide enough to see, else per pixel the share of
// each kind. A call costs O(pixels x log blocks), however many blocks there are.
import type { Track } from './track';
import type { View } from './scale';

/** `x`, `width` in pixels; `share` 0..1 of that width which is covered. */
export interface Rect { x: number; width: number; code: number; share: number }

/** With more blocks than this per pixel the track is merged. */
const BLOCKS_PER_PIXEL = 0.5;

/** Whether blocks of the track are too narrow in `view` to be drawn one by one. */
export function dense(track: Track, view: View, width: number): boolean {
  const blocks = track.firstEndingAfter(view.to) - track.firstEndingAfter(view.from);
  return blocks > width * BLOCKS_PER_PIXEL;
}

export function rects(track: Track, view: View, width: number, emit: (rect: Rect) => void): void {
  if (track.size === 0 || width <= 0) return;
  if (dense(track, view, width)) merged(track, view, Math.ceil(width), emit);
  else single(track, view, width, emit);
}

function single(track: Track, view: View, width: number, emit: (rect: Rect) => void): void {
  const scale = width / (view.to - view.from);
  for (let i = track.firstEndingAfter(view.from); i < track.size && track.begin[i]! < view.to; i++) {
    const x = Math.max(0, (track.begin[i]! - view.from) * scale);
    const right = Math.min(width, (track.end[i]! - view.from) * scale);
    emit({ x, width: right - x, code: track.code[i]!, share: track.cover[i]! });
  }
}

/** Columns that look alike become one rect. */
function merged(track: Track, view: View, width: number, emit: (rect: Rect) => void): void {
  const { share, code } = columns(track, view, width);
  for (let x = 0; x < width; ) {
    const begin = x;
    while (x < width && code[x] === code[begin] && Math.abs(share[x]! - share[begin]!) < 0.02) x++;
    if (share[begin]! > 0) emit({ x: begin, width: x - begin, code: code[begin]!, share: share[begin]! });
  }
}

export interface Columns { share: Float32Array; code: Uint8Array }

/** Per pixel how much of it is covered, and by which kind most. No allocation by the pixel. */
export function columns(track: Track, view: View, width: number): Columns {
  track.index();
  const share = new Float32Array(width);
  const code = new Uint8Array(width);
  const codes = [...track.sums.keys()];
  const step = (view.to - view.from) / width;
  let index = track.firstEndingAfter(view.from);
  const sums = Float64Array.from(codes, (one) => track.before(one, view.from, index));
  for (let x = 0; x < width; x++) {
    const right = view.from + (x + 1) * step;
    index = next(track, index, right);
    let most = 0;
    let all = 0;
    for (let i = 0; i < codes.length; i++) {
      const later = track.before(codes[i]!, right, index);
      const own = later - sums[i]!;
      sums[i] = later;
      all += own;
      if (own > most) {
        most = own;
        code[x] = codes[i]!;
      }
    }
    share[x] = all < step * 1e-6 ? 0 : Math.min(1, all / step);
  }
  return { share, code };
}

/** firstEndingAfter(time) for a time that is not before the one `from` was found for: gallops. */
function next(track: Track, from: number, time: number): number {
  let low = from;
  let jump = 1;
  while (low + jump < track.size && track.end[low + jump]! <= time) {
    low += jump;
    jump *= 2;
  }
  let high = Math.min(track.size, low + jump);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (track.end[middle]! > time) high = middle;
    else low = middle + 1;
  }
  return low;
}
