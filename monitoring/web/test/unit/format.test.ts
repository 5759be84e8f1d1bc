import { expect, test } from 'vitest';
import * as format from '../../src/format';

test.each([
  [0, '0 B'], [1023, '1023 B'], [1023.9, '1 KiB'], [1536, '1.5 KiB'], [141 * 2 ** 30, '141 GiB'], [null, '–'],
])('bytes of %s are %s', (value, text) => { expect(format.bytes(value)).toBe(text); });

test.each([
  [null, '–'], [0, '0 s'], [3.2e-6, '3.2 µs'], [0.0412, '41.2 ms'], [1.5, '1.5 s'],
  [125, '2 min 5 s'], [7200, '2 h'], [90061, '1 d 1 h'], [0.9999, '1 s'],
])('a duration of %s s is %s', (value, text) => { expect(format.duration(value)).toBe(text); });

test.each([[0, '0 %'], [0.0004, '<0.1 %'], [0.054, '5.4 %'], [0.876, '88 %'], [1, '100 %'],
           [null, '–'], [undefined, '–']])('the ratio %s is %s', (value, text) => {
  expect(format.percent(value)).toBe(text);
});

test.each([['40GiB', 40 * 2 ** 30], ['512 MB', 512e6], ['1e9', 1e9], ['1.5k', 1500], ['', null],
           ['much', null], ['-1', null]])('"%s" is %s bytes', (text, value) => {
  expect(format.parseBytes(text)).toBe(value);
});

test('the clock shows as many places as asked for, and never rounds up', () => {
  expect(format.clock(1700000000.1239, 3)).toMatch(/:20\.123$/);
  expect(format.clock(1700000000.9999)).toMatch(/:20$/);
});

test('rates and sizes of unknown things are dashes', () => {
  for (const of of [format.rate, format.hertz, format.watts, format.celsius, format.byteRate,
                    format.micros, format.count]) {
    expect(of(null)).toBe('–');
  }
  expect(format.rate(1234)).toBe('1.23 k/s');
  expect(format.hertz(1980e6)).toBe('1.98 GHz');
});

test('a decision is told once', () => {
  expect(format.decision({ change: 'slice 1 us', why: 'slice 1 us: a burst preempts it' }))
    .toEqual(['slice 1 us', 'a burst preempts it']);
  expect(format.decision({ change: 'its turn', why: 'its turn for 20 ms' }))
    .toEqual(['its turn', 'its turn for 20 ms']);
});
