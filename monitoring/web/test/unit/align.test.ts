import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Series } from '../../src/api/contract';
import { align, stack } from '../../src/charts/align';

const series = (t: number[], mean: (number | null)[]): Series =>
  ({ name: 'x', workload: null, unit: '', label: 'measured', t, min: mean, mean, max: mean });

test('series of different times get one axis, with gaps where they say nothing', () => {
  assert.deepEqual(align([series([1, 2], [10, null]), series([2, 3], [5, 6])]), {
    t: [1, 2, 3], values: [[10, null, null], [null, 5, 6]],
  });
});

test('a stack adds up, and what is not known adds nothing', () => {
  assert.deepEqual(stack([[1, 2], [null, 3], [4, 0]]), [[1, 2], [1, 5], [5, 5]]);
  assert.deepEqual(stack([]), []);
});
