import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event, Snapshot } from '../../src/api/contract';
import { backoffMs } from '../../src/api/stream';
import { EVENTS_KEPT, TRAIL_S, Store, eventsSoFar, grow, initial, merge, reduce, serverNow }
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
  assert.equal(state.gpu, 'a');
  state = reduce(state, { type: 'gpu', uuid: 'b' });
  state = reduce(state, { type: 'snapshot', snapshot: snapshot(2, ['a', 'b']), nowMs: 0 });
  assert.equal(state.gpu, 'b');
  state = reduce(state, { type: 'snapshot', snapshot: snapshot(3, ['a']), nowMs: 0 });
  assert.equal(state.gpu, 'a');
  assert.equal(reduce(state, { type: 'snapshot', snapshot: snapshot(4, []), nowMs: 0 }).gpu, null);
});

test('a trail forgets what is old, skips what it has, and starts anew when time runs back', () => {
  let trail = grow(undefined, 100, 1);
  trail = grow(trail, 101, 2);
  assert.equal(grow(trail, 101, 3), trail);
  assert.deepEqual(grow(trail, 101 + TRAIL_S, 4), { t: [101, 101 + TRAIL_S], v: [2, 4] });
  assert.deepEqual(grow(trail, 50, 5), { t: [50], v: [5] });
});

test('what a trail gets from the past never doubles what it has', () => {
  let state = reduce(initial, { type: 'snapshot', snapshot: snapshot(10, ['a']), nowMs: 0 });
  state = reduce(state, { type: 'backfill', key: 'a', t: [8, 9, 10, 11], v: [1, 2, 3, 4] });
  assert.deepEqual(state.history['a'], { t: [8, 9, 10], v: [1, 2, 0.5] });
});

test('history goes with its GPU', () => {
  let state = reduce(initial, { type: 'snapshot', snapshot: snapshot(1, ['a', 'b']), nowMs: 0 });
  state = reduce(state, { type: 'snapshot', snapshot: snapshot(2, ['a']), nowMs: 0 });
  assert.deepEqual(Object.keys(state.history), ['a']);
});

test('events are there once, in order, and not without bound', () => {
  assert.deepEqual(merge([event(1), event(3)], [event(2), event(3), event(4)]).map((e) => e.seq),
    [1, 2, 3, 4]);
  const many = Array.from({ length: EVENTS_KEPT + 50 }, (_, i) => event(i));
  const kept = merge([], many);
  assert.equal(kept.length, EVENTS_KEPT);
  assert.equal(kept[0]!.seq, 50);
  assert.equal(reduce(initial, { type: 'events', events: [event(7)] }).nextEvent, 8);
});

test('the server\'s time goes on between snapshots, for two seconds at most', () => {
  const live = reduce(initial, { type: 'snapshot', snapshot: snapshot(100, []), nowMs: 1000 });
  assert.equal(serverNow(live, 1500), 100.5);
  assert.equal(serverNow(live, 60000), 102);
  const replay = { file: 'f', from: 0, to: 200, at: 100, speed: 4, paused: false };
  const played = reduce(initial,
                        { type: 'snapshot', snapshot: snapshot(100, [], { replay }), nowMs: 0 });
  assert.equal(serverNow(played, 500), 102);
  const paused = reduce(initial, {
    type: 'snapshot', snapshot: snapshot(100, [], { replay: { ...replay, paused: true } }), nowMs: 0,
  });
  assert.equal(serverNow(paused, 500), 100);
});

test('a store tells its listeners, until they leave', () => {
  const store = new Store();
  let told = 0;
  const leave = store.subscribe(() => told++);
  store.dispatch({ type: 'link', link: { state: 'live' } });
  leave();
  store.dispatch({ type: 'link', link: { state: 'connecting' } });
  assert.equal(told, 1);
});

test('the stream comes back ever slower, up to 15 s', () => {
  assert.deepEqual([0, 1, 2, 5, 50].map(backoffMs), [500, 1000, 2000, 15000, 15000]);
});

test('a recording that is played tells no events of later times', () => {
  const replay = { paused: false, speed: 1, from: 0, to: 10, at: 4, file: 'f' };
  let state = reduce(initial, { type: 'events', events: [event(3), event(4), event(5)] });
  state = reduce(state, { type: 'snapshot', snapshot: snapshot(4, ['a'], { replay }), nowMs: 0 });
  assert.deepEqual(eventsSoFar(state).map((e) => e.seq), [3, 4]);
  state = reduce(state, { type: 'snapshot', snapshot: snapshot(4, ['a']), nowMs: 0 });
  assert.equal(eventsSoFar(state).length, 3, 'live, the events are ahead of the snapshot');
});
