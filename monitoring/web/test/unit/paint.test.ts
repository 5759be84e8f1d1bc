import assert from 'node:assert/strict';
import { test } from 'node:test';
import { near } from './near';
import { codeOf } from '../../src/timeline/track';
import { LaneSet, emptyLane } from '../../src/timeline/lanes';
import { ROWS, blocksAt, chartHeight, laneAt, laneTop, paint, type Palette, type Scene }
  from '../../src/timeline/paint';
import { svgPainter } from '../../src/timeline/painters';
import type { Block, Lane, SliceBlock } from '../../src/api/contract';

const lane = (name: string, blocks: Block[]): Lane =>
  ({ workload: `1000/${name}`, name, class: 'normal', source: 'measured', blocks });
const answer = (lanes: Lane[], truncated = false) =>
  ({ schema: 1, gpu: 'G', from: 1000, to: 1010, lanes, truncated });
const palette = { ground: '#fff', lane: '#eee', grid: '#ddd', ink: '#000', muted: '#666', turn: '#1',
                  gate: '#f00', wait: '#fa0', parked: '#999', switch: '#333', of: () => '#00f' } as Palette;

const loaded = (lanes: Lane[]): LaneSet => {
  const set = new LaneSet();
  set.load(answer(lanes), 1000);
  return set;
};
const draw = (set: LaneSet, more: Partial<Scene> = {}): string => {
  const scene: Scene = { lanes: set.lanes, view: { from: 0, to: 10 }, base: set.base, width: 1000,
    rows: ROWS.full, known: 10, zone: 0, clock: String, ...more };
  const painter = svgPainter(1000, chartHeight(set.lanes.length, ROWS.full));
  paint(painter, palette, scene);
  return painter.toString();
};

test('a run is drawn where it was, in its lane and in that of the GPU', () => {
  const svg = draw(loaded([lane('a', [[2, 4, 'run', 1]])]));
  assert.equal(svg.match(/<rect x="200" y="\d+" width="200" height="\d+" fill="#00f"\/>/g)?.length, 2);
});

test('gate, wait and turn have places of their own, so that none hides another', () => {
  const svg = draw(loaded([lane('a', [[2, 4, 'run', 1], [2, 4, 'gate', 1], [2, 4, 'wait', 1],
                                      [2, 4, 'turn', 1]])]));
  const places = [...svg.matchAll(/x="200" y="([\d.]+)"[^>]*fill="(#[^"]+)"/g)].map((m) => `${m[1]} ${m[2]}`);
  assert.equal(new Set(places).size, places.length - 1); // the run stands on its turn
  assert.ok(svg.includes('fill="#f00"'));
  assert.ok(svg.includes('fill="#fa0"'));
});

test('a parked workload is drawn as that, and does not count as having the GPU', () => {
  const svg = draw(loaded([lane('a', [[0, 10, 'parked', 1]])]));
  assert.ok(svg.includes('fill="#999"'));
  assert.ok(!svg.includes('fill="#00f"'));
});

test('a parked workload is drawn as that among runs too many to be drawn one by one', () => {
  const runs = Array.from({ length: 1000 }, (_, i): Block => [i / 200, i / 200 + 0.004, 'run', 1]);
  const svg = draw(loaded([lane('a', [...runs, [5, 10, 'parked', 1]])]));
  assert.match(svg, /<rect x="500" y="[\d.]+" width="500" height="[\d.]+" fill="#999"/);
  // The outline of what ran ends in the middle of the picture, where the parked part begins.
  const ran = [...svg.matchAll(/<path d="([^"]+)" fill="#00f"/g)].map((match) => match[1]!);
  assert.ok(ran.length > 0);
  for (const d of ran) {
    const points = d.slice(1, -1).split('L').map((point) => point.split(' ').map(Number));
    const bottom = Math.max(...points.map(([, y]) => y!));
    assert.ok(points.every(([x, y]) => y! > bottom - 1 || x! <= 501), d.slice(-60));
  }
});

test('names are drawn where there is room for them, escaped', () => {
  const set = loaded([lane('a<b>', [[0, 1, 'run', 1]])]);
  assert.ok(draw(set, { rows: ROWS.named }).includes('a&lt;b&gt; (measured)'));
  assert.ok(!draw(set).includes('a&lt;b'));
});

test('what is later than what is known is veiled', () => {
  assert.match(draw(loaded([lane('a', [])]), { known: 7 }), /<rect x="700" y="26" width="300"/);
});

test('a lane is found by its height on the chart', () => {
  for (const rows of Object.values(ROWS)) {
    assert.equal(laneAt(5, 2, rows), null);
    assert.equal(laneAt(laneTop(-1, rows) + 1, 2, rows), -1);
    assert.equal(laneAt(laneTop(1, rows) + 1, 2, rows), 1);
    assert.equal(laneAt(chartHeight(2, rows) + 1, 2, rows), null);
  }
});

test('the stream goes on where the answer ended, and a new workload gets a lane', () => {
  const set = loaded([lane('a', [[0, 9, 'run', 1]])]);
  const block = (workload: string, begin: number, end: number, gpu = 'G'): SliceBlock =>
    ({ gpu, workload, begin, end, what: 'run', label: 'granted' });
  set.append('G', [block('1000/a', 1008.5, 1009), block('1000/a', 1010, 1011), block('7/b', 1011, 1012),
                   block('7/c', 1011, 1012, 'other GPU')], 1012);
  assert.deepEqual(set.lanes.map((one) => [one.name, one.source, one.tracks.ran.size]),
    [['a', 'measured', 2], ['b', 'granted', 1]]);
  assert.equal(set.covers({ from: 1000, to: 1012 }, 1000), true);
});

test('workloads keep their lanes and their order, those without a block too', () => {
  const set = new LaneSet();
  const order = ['b', 'a'].map((name) => emptyLane(`1000/${name}`, name, 'normal', 'measured'));
  set.load(answer([lane('a', [[0, 1, 'run', 1]]), lane('gone', [])]), 1000, order);
  assert.deepEqual(set.lanes.map((one) => [one.name, one.tracks.ran.size]),
    [['b', 0], ['a', 1], ['gone', 0]]);
});

test('processes that are no workload have a lane too, and parts of blocks count as that', () => {
  const set = loaded([]);
  set.append('G', [{ gpu: 'G', workload: '', begin: 1001, end: 1003, what: 'share', label: 'estimated',
                     seconds: 0.5 }], 1004);
  assert.equal(set.lanes[0]!.name, 'other processes');
  near(set.lanes[0]!.tracks.ran.seconds(codeOf('share'), 0, 10), 0.5, 0.005);
});

test('a window that is finer than what is known has to be asked for', () => {
  const set = new LaneSet();
  set.append('G', [], 5000);
  assert.equal(set.to, 0);
  set.load(answer([lane('a', [[0, 10, 'run', 0.5]])]), 1000);
  assert.equal(set.covers({ from: 1000, to: 1010 }, 1000), true);
  assert.equal(set.covers({ from: 1000, to: 1001 }, 1000), false);
  assert.equal(set.covers({ from: 999, to: 1009 }, 1000), false);
  set.load(answer([lane('a', [[0, 10, 'run', 1]])]), 1000);
  assert.equal(set.covers({ from: 1000, to: 1000.05 }, 1000), true);
});

test('what stands at a moment is told, of all kinds', () => {
  const set = loaded([lane('a', [[1, 3, 'run', 1], [0, 5, 'turn', 1], [4, 5, 'gate', 1]])]);
  assert.deepEqual(blocksAt(set.lanes[0]!, 2, 0).map((block) => block.kind), ['run', 'turn']);
  assert.deepEqual(blocksAt(set.lanes[0]!, 4.5, 0).map((block) => block.kind), ['gate', 'turn']);
  assert.deepEqual(blocksAt(set.lanes[0]!, 8, 0), []);
});
