import { expect, test } from 'vitest';
import { MAX_SPAN, MIN_SPAN, around, follow, pan, span, ticks, zoom } from '../../src/timeline/scale';

test('zoom keeps what is under the pointer where it is', () => {
  const view = zoom({ from: 100, to: 200 }, 0.5, 0.25);
  expect(view).toEqual({ from: 112.5, to: 162.5 });
  expect(view.from + 0.25 * span(view)).toBe(125);
});

test('zoom ends at 50 ms and at a day', () => {
  expect(span(zoom({ from: 0, to: 1 }, 1e-9, 0.5))).toBeCloseTo(MIN_SPAN);
  expect(span(zoom({ from: 0, to: 1 }, 1e9, 0.5))).toBe(MAX_SPAN);
  expect(around(10, 1e-9)).toEqual({ from: 9.975, to: 10.025 });
});

test('pan and follow move without a change of the span', () => {
  expect(pan({ from: 1, to: 3 }, -1)).toEqual({ from: 0, to: 2 });
  expect(follow(10, 4)).toEqual({ from: 6, to: 10 });
});

test('ticks are round, in view, and far enough apart', () => {
  for (const seconds of [0.05, 0.3, 1, 7, 42, 600, 5000, 86400]) {
    const view = { from: 1700000000.123, to: 1700000000.123 + seconds };
    const { step, at, places } = ticks(view, 1000, 80);
    expect(at.length).toBeGreaterThan(1);
    expect(at.length).toBeLessThanOrEqual(13);
    for (const time of at) {
      expect(time).toBeGreaterThanOrEqual(view.from - 1e-6);
      expect(time).toBeLessThanOrEqual(view.to + 1e-6);
      expect(Math.abs(time / step - Math.round(time / step))).toBeLessThan(1e-3);
    }
    expect(step).toBeGreaterThanOrEqual(0.99 * 10 ** -places);
  }
});

test('ticks of hours are whole in the reader\'s zone', () => {
  const { step, at } = ticks({ from: 0, to: 43200 }, 600, 80, 1800);
  expect(step).toBe(7200);
  expect(at[0]).toBe(5400);
});
