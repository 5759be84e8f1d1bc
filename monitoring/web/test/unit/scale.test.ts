import assert from 'node:assert/strict';
import { test } from 'node:test';
import { near } from './near';
import { MAX_SPAN, MIN_SPAN, around, follow, pan, span, ticks, zoom } from '../../src/timeline/scale';

test('zoom keeps what is under the pointer where it is', () => {
  const view = zoom({ from: 100, to: 200 }, 0.5, 0.25);
  assert.deepEqual(view, { from: 112.5, to: 162.5 });
  assert.equal(view.from + 0.25 * span(view), 125);
});

test('zoom ends at 50 ms and at a day', () => {
  near(span(zoom({ from: 0, to: 1 }, 1e-9, 0.5)), MIN_SPAN, 0.005);
  assert.equal(span(zoom({ from: 0, to: 1 }, 1e9, 0.5)), MAX_SPAN);
  assert.deepEqual(around(10, 1e-9), { from: 9.975, to: 10.025 });
});

test('pan and follow move without a change of the span', () => {
  assert.deepEqual(pan({ from: 1, to: 3 }, -1), { from: 0, to: 2 });
  assert.deepEqual(follow(10, 4), { from: 6, to: 10 });
});

test('ticks are round, in view, and far enough apart', () => {
  for (const seconds of [0.05, 0.3, 1, 7, 42, 600, 5000, 86400]) {
    const view = { from: 1700000000.123, to: 1700000000.123 + seconds };
    const { step, at, places } = ticks(view, 1000, 80);
    assert.ok(at.length > 1);
    assert.ok(at.length <= 13);
    for (const time of at) {
      assert.ok(time >= view.from - 1e-6);
      assert.ok(time <= view.to + 1e-6);
      assert.ok(Math.abs(time / step - Math.round(time / step)) < 1e-3);
    }
    assert.ok(step >= 0.99 * 10 ** -places);
  }
});

test('ticks of hours are whole in the reader\'s zone', () => {
  const { step, at } = ticks({ from: 0, to: 43200 }, 600, 80, 1800);
  assert.equal(step, 7200);
  assert.equal(at[0], 5400);
});
