import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changes } from '../../src/views/levers';
import { showFigure } from '../../src/views/workload_dialog';

const before = { class: 'normal', weight: '1', memory: '40GiB', target: '', least: '', most: '' };

test('only what differs is asked for', () => {
  assert.deepEqual(changes(before, { ...before, weight: '3', class: 'best-effort' }),
    { weight: 3, class: 'best-effort' });
  assert.equal(changes(before, before), 'Nothing is changed.');
});

test('units are those of the API: bytes, microseconds, shares of 1', () => {
  assert.deepEqual(changes(before, { ...before, memory: '1GiB', target: '2.5', least: '10', most: '50' }),
    { memory_limit_bytes: 2 ** 30, latency_target_us: 2500, min_share: 0.1, max_share: 0.5 });
});

test('an empty field takes a limit away', () => {
  assert.deepEqual(changes(before, { ...before, memory: ' ' }), { memory_limit_bytes: 0 });
  assert.deepEqual(changes({ ...before, most: '50' }, before), { max_share: 1 });
});

for (const [name, value] of [['weight', '0'], ['weight', ''], ['weight', 'x'], ['least', '101'], ['memory', 'much']]) {
  test(`${name} "${value}" is refused with a sentence`, () => {
    assert.match(String(changes(before, { ...before, [name!]: value })), /\.$/);
  });
}

const figures: [string, number | null, string][] = [
  ['memory_bytes', 2 ** 30, '1 GiB'], ['burst_p99_us', 1500, '1.5 ms'], ['launches', 12345, '12,345'],
  ['gpu_wait_seconds', 65, '1 min 5 s'], ['wait_ratio', 0.25, '25 %'], ['linger_us', null, '–'],
  ['launches_per_second', 1200, '1.2 k/s'],
];
for (const [name, value, text] of figures) {
  test(`${name} of ${value} reads ${text}`, () => { assert.equal(showFigure(name, value), text); });
}
