import assert from 'node:assert/strict';
import { test } from 'node:test';
import { near } from './near';
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
  assert.equal(kindOf(codeOf('something new')), 'mixed');
});

test('what goes on from the last block makes it longer', () => {
  const track = new Track();
  track.add(0, 1, RUN);
  track.add(1, 2, RUN);
  track.add(2, 3, GATE);
  track.add(3, 3, GATE);
  assert.equal(track.size, 2);
  assert.equal(track.end[0], 2);
});

test('a late block finds its place, and only what is new of it', () => {
  const track = new Track();
  track.add(0, 1, RUN);
  track.add(4, 5, RUN);
  track.add(2, 3, GATE);
  track.add(4.2, 4.8, RUN);
  track.add(3.5, 4.5, GATE);
  assert.deepEqual([...track.begin.subarray(0, track.size)], [0, 2, 3.5, 4]);
  assert.deepEqual([...track.end.subarray(0, track.size)], [1, 3, 4, 5]);
});

test('seconds of a kind in any stretch are the sum of what is there', () => {
  const track = comb(1000);
  near(track.seconds(RUN, 0, 2000), 1000, 0.005);
  near(track.seconds(RUN, 0.5, 2.25), 0.75, 0.005);
  assert.equal(track.seconds(GATE, 0, 2000), 0);
  track.add(2000, 2010, GATE, 0.5);
  near(track.seconds(GATE, 2000, 2004), 2, 0.005);
});

test('sums stay right after late blocks and after forgetting', () => {
  const track = comb(100);
  near(track.seconds(RUN, 0, 200), 100, 0.005);
  track.add(1.25, 1.75, GATE);
  near(track.seconds(GATE, 0, 200), 0.5, 0.005);
  near(track.seconds(RUN, 0, 200), 100, 0.005);
  track.forgetBefore(100);
  assert.equal(track.size, 50);
  near(track.seconds(RUN, 0, 200), 50, 0.005);
});

test('few blocks are drawn one by one, cut at the edges', () => {
  assert.deepEqual(all(comb(10), 0.5, 4.5, 40), [
    { x: 0, width: 5, code: RUN, share: 1 },
    { x: 15, width: 10, code: RUN, share: 1 },
    { x: 35, width: 5, code: RUN, share: 1 },
  ]);
});

test('many blocks become at most one rect per pixel, with the right share', () => {
  const found = all(comb(100000), 0, 200000, 500);
  assert.ok(found.length <= 500);
  assert.equal(found.reduce((sum, rect) => sum + rect.width, 0), 500);
  for (const rect of found) near(rect.share, 0.5, 0.05);
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
  near(drawn / covered, 1, 0.05);
});

test('the strongest kind of a pixel is the one that is shown', () => {
  const track = new Track();
  for (let i = 0; i < 1000; i++) {
    track.add(i, i + 0.2, RUN);
    track.add(i + 0.3, i + 0.9, GATE);
  }
  assert.deepEqual(new Set(all(track, 0, 1000, 100).map((rect) => rect.code)), new Set([GATE]));
});

test('a million blocks are decimated in milliseconds', () => {
  const track = comb(1000000);
  track.index();
  let best = Infinity;
  // A busy machine may take the processor away once; slow code is slow always.
  for (let i = 0; i < 20; i++) {
    const begin = performance.now();
    all(track, i * 1000, 1900000 + i * 1000, 1500);
    best = Math.min(best, performance.now() - begin);
  }
  assert.ok(best < 16, `${best} ms`);
});
