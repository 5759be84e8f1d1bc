import assert from 'node:assert/strict';

/** That a figure is within `by` of what is expected. */
export function near(value: number, expected: number, by: number): void {
  assert.ok(Math.abs(value - expected) <= by, `${value} is not ${expected} ± ${by}`);
}
