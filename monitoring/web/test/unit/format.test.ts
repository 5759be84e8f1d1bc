import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as format from '../../src/format';

const table: [string, (value: never) => unknown, [unknown, unknown][]][] = [
  ['bytes', format.bytes, [
    [0, '0 B'], [1023, '1023 B'], [1023.9, '1 KiB'], [1536, '1.5 KiB'], [141 * 2 ** 30, '141 GiB'], [null, '–']]],
  ['duration', format.duration, [
    [null, '–'], [0, '0 s'], [3.2e-6, '3.2 µs'], [0.0412, '41.2 ms'], [1.5, '1.5 s'],
    [125, '2 min 5 s'], [7200, '2 h'], [90061, '1 d 1 h'], [0.9999, '1 s']]],
  ['percent', format.percent, [
    [0, '0 %'], [0.0004, '<0.1 %'], [0.054, '5.4 %'], [0.876, '88 %'], [1, '100 %'], [null, '–'], [undefined, '–']]],
  ['parseBytes', format.parseBytes, [
    ['40GiB', 40 * 2 ** 30], ['512 MB', 512e6], ['1e9', 1e9], ['1.5k', 1500], ['', null],
    ['much', null], ['-1', null]]],
];
for (const [name, shown, rows] of table) {
  for (const [value, text] of rows) {
    test(`${name} of ${String(value)} is ${String(text)}`, () => {
      assert.equal(shown(value as never), text);
    });
  }
}

test('the clock shows as many places as asked for, and never rounds up', () => {
  assert.match(format.clock(1700000000.1239, 3), /:20\.123$/);
  assert.match(format.clock(1700000000.9999), /:20$/);
});

test('rates and sizes of unknown things are dashes', () => {
  for (const of of [format.rate, format.hertz, format.watts, format.celsius, format.byteRate,
                    format.micros, format.count]) {
    assert.equal(of(null), '–');
  }
  assert.equal(format.rate(1234), '1.23 k/s');
  assert.equal(format.hertz(1980e6), '1.98 GHz');
});

test('a decision is told once', () => {
  assert.deepEqual(format.decision({ change: 'slice 1 us', why: 'slice 1 us: a burst preempts it' }),
    ['slice 1 us', 'a burst preempts it']);
  assert.deepEqual(format.decision({ change: 'its turn', why: 'its turn for 20 ms' }),
    ['its turn', 'its turn for 20 ms']);
});
