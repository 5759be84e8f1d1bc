import { expect, test } from 'vitest';
import { Track, codeOf, kindOf } from '../../src/timeline/track';
import { rects, type Rect } from '../../src/timeline/decimate';

const RUN = codeOf('run');
const GATE = codeOf('gate');
const all = (track: Track, from: number, to: number, width: number): Rect[] => {
  const found: Rect[] = [];
  rects(track, { from, to }, width, (rect) => found.push({ ...rect }));
  return found;
};
/** `size` runs of 1 s with pauses of 1 s. */
const comb = (size: number): Track => {
  const track = new Track();
  for (let i = 0; i < size; i++) track.add(2 * i, 2 * i + 1, RUN);
  return track;
};

test('a kind that nobody knows is drawn as mixed', () => {
  expect(kindOf(codeOf('something new'))).toBe('mixed');
});

test('what goes on from the last block makes it longer', () => {
  const track = new Track();
  track.add(0, 1, RUN);
  track.add(1, 2, RUN);
  track.add(2, 3, GATE);
  track.add(3, 3, GATE);
  expect(track.size).toBe(2);
  expect(track.end[0]).toBe(2);
});

test('a late block finds its place, and only what is new of it', () => {
  const track = new Track();
  track.add(0, 1, RUN);
  track.add(4, 5, RUN);
  track.add(2, 3, GATE);
  track.add(4.2, 4.8, RUN);
  track.add(3.5, 4.5, GATE);
  expect([...track.begin.subarray(0, track.size)]).toEqual([0, 2, 3.5, 4]);
  expect([...track.end.subarray(0, track.size)]).toEqual([1, 3, 4, 5]);
});

test('seconds of a kind in any stretch are the sum of what is there', () => {
  const track = comb(1000);
  expect(track.seconds(RUN, 0, 2000)).toBeCloseTo(1000);
  expect(track.seconds(RUN, 0.5, 2.25)).toBeCloseTo(0.75);
  expect(track.seconds(GATE, 0, 2000)).toBe(0);
  track.add(2000, 2010, GATE, 0.5);
  expect(track.seconds(GATE, 2000, 2004)).toBeCloseTo(2);
});

test('sums stay right after late blocks and after forgetting', () => {
  const track = comb(100);
  expect(track.seconds(RUN, 0, 200)).toBeCloseTo(100);
  track.add(1.25, 1.75, GATE);
  expect(track.seconds(GATE, 0, 200)).toBeCloseTo(0.5);
  expect(track.seconds(RUN, 0, 200)).toBeCloseTo(100);
  track.forgetBefore(100);
  expect(track.size).toBe(50);
  expect(track.seconds(RUN, 0, 200)).toBeCloseTo(50);
});

test('few blocks are drawn one by one, cut at the edges', () => {
  expect(all(comb(10), 0.5, 4.5, 40)).toEqual([
    { x: 0, width: 5, code: RUN, share: 1 },
    { x: 15, width: 10, code: RUN, share: 1 },
    { x: 35, width: 5, code: RUN, share: 1 },
  ]);
});

test('many blocks become at most one rect per pixel, with the right share', () => {
  const found = all(comb(100000), 0, 200000, 500);
  expect(found.length).toBeLessThanOrEqual(500);
  expect(found.reduce((sum, rect) => sum + rect.width, 0)).toBe(500);
  for (const rect of found) expect(rect.share).toBeCloseTo(0.5, 1);
});

test('merging keeps the sum: shares times widths are the covered time', () => {
  const track = new Track();
  let at = 0;
  let seed = 1;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  let covered = 0;
  for (let i = 0; i < 20000; i++) {
    at += random();
    const length = random();
    track.add(at, at + length, random() < 0.3 ? GATE : RUN);
    covered += length;
    at += length;
  }
  const found = all(track, 0, at, 300);
  const drawn = found.reduce((sum, rect) => sum + rect.share * rect.width, 0) * (at / 300);
  expect(drawn / covered).toBeCloseTo(1, 1);
});

test('the strongest kind of a pixel is the one that is shown', () => {
  const track = new Track();
  for (let i = 0; i < 1000; i++) {
    track.add(i, i + 0.2, RUN);
    track.add(i + 0.3, i + 0.9, GATE);
  }
  expect(new Set(all(track, 0, 1000, 100).map((rect) => rect.code))).toEqual(new Set([GATE]));
});

test('a million blocks are decimated in milliseconds', () => {
  const track = comb(1000000);
  track.index();
  const begin = performance.now();
  for (let i = 0; i < 20; i++) all(track, i * 1000, 1900000 + i * 1000, 1500);
  expect((performance.now() - begin) / 20).toBeLessThan(16);
});
