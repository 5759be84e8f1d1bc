import { expect, test } from 'vitest';
import { changes } from '../../src/views/levers';
import { showFigure } from '../../src/views/workload_dialog';

const before = { class: 'normal', weight: '1', memory: '40GiB', target: '', least: '', most: '' };

test('only what differs is asked for', () => {
  expect(changes(before, { ...before, weight: '3', class: 'best-effort' }))
    .toEqual({ weight: 3, class: 'best-effort' });
  expect(changes(before, before)).toBe('Nothing is changed.');
});

test('units are those of the API: bytes, microseconds, shares of 1', () => {
  expect(changes(before, { ...before, memory: '1GiB', target: '2.5', least: '10', most: '50' })).toEqual(
    { memory_limit_bytes: 2 ** 30, latency_target_us: 2500, min_share: 0.1, max_share: 0.5 });
});

test('an empty field takes a limit away', () => {
  expect(changes(before, { ...before, memory: ' ' })).toEqual({ memory_limit_bytes: 0 });
  expect(changes({ ...before, most: '50' }, before)).toEqual({ max_share: 1 });
});

test.each([['weight', '0'], ['weight', ''], ['weight', 'x'], ['least', '101'], ['memory', 'much']])(
  '%s "%s" is refused with a sentence', (name, value) => {
    expect(changes(before, { ...before, [name]: value })).toMatch(/\.$/);
  });

test.each([['memory_bytes', 2 ** 30, '1 GiB'], ['burst_p99_us', 1500, '1.5 ms'], ['launches', 12345, '12,345'],
           ['gpu_wait_seconds', 65, '1 min 5 s'], ['wait_ratio', 0.25, '25 %'], ['linger_us', null, '–'],
           ['launches_per_second', 1200, '1.2 k/s']])('%s of %s reads %s', (name, value, text) => {
  expect(showFigure(name, value)).toBe(text);
});
