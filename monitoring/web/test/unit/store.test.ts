import { expect, test } from 'vitest';
import type { Event, Snapshot } from '../../src/api/contract';
import { backoffMs } from '../../src/api/stream';
import { EVENTS_KEPT, TRAIL_S, Store, grow, initial, merge, reduce, serverNow }
  from '../../src/state/store';

const node = { hostname: 'n', version: '1', driver: null, simulated: true,
               collector: { hz: 10, cpu_ratio: null, last_success: null, errors: [] } };
const snapshot = (at: number, uuids: string[], more: Partial<Snapshot> = {}): Snapshot => ({
  schema: 1, at, node, replay: null, containers: [], workloads: [],
  gpus: uuids.map((uuid, index) => ({ uuid, index, utilization: 0.5 })) as Snapshot['gpus'],
  ...more,
});
const event = (seq: number): Event =>
  ({ seq, at: seq, gpu: null, workload: null, severity: 'info', kind: 'join', text: '' });

test('the first GPU is chosen, and stays chosen while it is there', () => {
  let state = reduce(initial, { type: 'snapshot', snapshot: snapshot(1, ['a', 'b']), nowMs: 0 });
  expect(state.gpu).toBe('a');
  state = reduce(state, { type: 'gpu', uuid: 'b' });
  state = reduce(state, { type: 'snapshot', snapshot: snapshot(2, ['a', 'b']), nowMs: 0 });
  expect(state.gpu).toBe('b');
  state = reduce(state, { type: 'snapshot', snapshot: snapshot(3, ['a']), nowMs: 0 });
  expect(state.gpu).toBe('a');
  expect(reduce(state, { type: 'snapshot', snapshot: snapshot(4, []), nowMs: 0 }).gpu).toBe(null);
});

test('a trail forgets what is old, skips what it has, and starts anew when time runs back', () => {
  let trail = grow(undefined, 100, 1);
  trail = grow(trail, 101, 2);
  expect(grow(trail, 101, 3)).toBe(trail);
  expect(grow(trail, 101 + TRAIL_S, 4)).toEqual({ t: [101, 101 + TRAIL_S], v: [2, 4] });
  expect(grow(trail, 50, 5)).toEqual({ t: [50], v: [5] });
});

test('what a trail gets from the past never doubles what it has', () => {
  let state = reduce(initial, { type: 'snapshot', snapshot: snapshot(10, ['a']), nowMs: 0 });
  state = reduce(state, { type: 'backfill', key: 'a', t: [8, 9, 10, 11], v: [1, 2, 3, 4] });
  expect(state.history['a']).toEqual({ t: [8, 9, 10], v: [1, 2, 0.5] });
});

test('history goes with its GPU', () => {
  let state = reduce(initial, { type: 'snapshot', snapshot: snapshot(1, ['a', 'b']), nowMs: 0 });
  state = reduce(state, { type: 'snapshot', snapshot: snapshot(2, ['a']), nowMs: 0 });
  expect(Object.keys(state.history)).toEqual(['a']);
});

test('events are there once, in order, and not without bound', () => {
  expect(merge([event(1), event(3)], [event(2), event(3), event(4)]).map((e) => e.seq))
    .toEqual([1, 2, 3, 4]);
  const many = Array.from({ length: EVENTS_KEPT + 50 }, (_, i) => event(i));
  const kept = merge([], many);
  expect(kept).toHaveLength(EVENTS_KEPT);
  expect(kept[0]!.seq).toBe(50);
  expect(reduce(initial, { type: 'events', events: [event(7)] }).nextEvent).toBe(8);
});

test('the server\'s time goes on between snapshots, for two seconds at most', () => {
  const live = reduce(initial, { type: 'snapshot', snapshot: snapshot(100, []), nowMs: 1000 });
  expect(serverNow(live, 1500)).toBe(100.5);
  expect(serverNow(live, 60000)).toBe(102);
  const replay = { file: 'f', from: 0, to: 200, at: 100, speed: 4, paused: false };
  const played = reduce(initial,
                        { type: 'snapshot', snapshot: snapshot(100, [], { replay }), nowMs: 0 });
  expect(serverNow(played, 500)).toBe(102);
  const paused = reduce(initial, {
    type: 'snapshot', snapshot: snapshot(100, [], { replay: { ...replay, paused: true } }), nowMs: 0,
  });
  expect(serverNow(paused, 500)).toBe(100);
});

test('a store tells its listeners, until they leave', () => {
  const store = new Store();
  let told = 0;
  const leave = store.subscribe(() => told++);
  store.dispatch({ type: 'link', link: { state: 'live' } });
  leave();
  store.dispatch({ type: 'link', link: { state: 'connecting' } });
  expect(told).toBe(1);
});

test('the stream comes back ever slower, up to 15 s', () => {
  expect([0, 1, 2, 5, 50].map(backoffMs)).toEqual([500, 1000, 2000, 15000, 15000]);
});
