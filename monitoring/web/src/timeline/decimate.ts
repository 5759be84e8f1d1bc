// What to draw of a track: its blocks where they are wide enough to see, else per pixel the share of
// each kind. A call costs O(pixels x log blocks), however many blocks there are.
import type { Track } from './track';
import type { View } from './scale';

/** `x`, `width` in pixels; `share` 0..1 of that width which is covered. */
export interface Rect { x: number; width: number; code: number; share: number }

/** With more blocks than this per pixel the track is merged. */
const BLOCKS_PER_PIXEL = 0.5;

export function rects(track: Track, view: View, width: number, emit: (rect: Rect) => void): void {
  if (track.size === 0 || width <= 0) return;
  const first = track.firstEndingAfter(view.from);
  const last = track.firstEndingAfter(view.to);
  if (last - first > width * BLOCKS_PER_PIXEL) merged(track, view, width, emit);
  else single(track, view, width, first, emit);
}

function single(track: Track, view: View, width: number, first: number,
                emit: (rect: Rect) => void): void {
  const scale = width / (view.to - view.from);
  for (let i = first; i < track.size && track.begin[i]! < view.to; i++) {
    const x = Math.max(0, (track.begin[i]! - view.from) * scale);
    const right = Math.min(width, (track.end[i]! - view.from) * scale);
    emit({ x, width: right - x, code: track.code[i]!, share: track.cover[i]! });
  }
}

/** Per pixel the strongest kind with its share; neighbours that look alike become one rect. */
function merged(track: Track, view: View, width: number, emit: (rect: Rect) => void): void {
  track.index();
  const codes = [...track.sums.keys()];
  const step = (view.to - view.from) / width;
  const at = (x: number): number => view.from + x * step;
  let index = track.firstEndingAfter(view.from);
  let sums = codes.map((code) => track.before(code, view.from, index));
  let open: Rect | null = null;
  for (let x = 0; x < width; x++) {
    const right = at(x + 1);
    index = next(track, index, right);
    const later = codes.map((code) => track.before(code, right, index));
    const { code, share } = strongest(codes, sums, later, step);
    sums = later;
    if (open && open.code === code && Math.abs(open.share - share) < 0.02) {
      open.width++;
      continue;
    }
    if (open && open.share > 0) emit(open);
    open = { x, width: 1, code, share };
  }
  if (open && open.share > 0) emit(open);
}

function strongest(codes: number[], before: number[], after: number[], step: number):
    { code: number; share: number } {
  let best = 0;
  let most = 0;
  let all = 0;
  for (let i = 0; i < codes.length; i++) {
    const own = after[i]! - before[i]!;
    all += own;
    if (own > most) { most = own; best = i; }
  }
  const share = all / step;
  return { code: codes[best] ?? 0, share: share < 1e-6 ? 0 : Math.min(1, share) };
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
