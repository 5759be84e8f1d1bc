// Who had the GPU when: requests of two latency-critical workloads, between which the others take
// turns; each closes its gate while its burst runs.
import { hash, noise, sequence } from './random.mjs';
import { WORKLOADS, parkedAt } from './node.mjs';

const EPOCH = 0.1;
export const LANES = WORKLOADS.filter((workload) => workload.gpu === 0);
const label = (what) => ({ turn: 'granted', share: 'estimated' })[what] ?? 'measured';

/** Bursts [begin, end] of one latency-critical lane in an epoch, apart from each other. */
function bursts(lane, epoch) {
  const random = sequence(lane, epoch);
  const load = 0.35 + 0.65 * noise(50 + lane, epoch * EPOCH, 25);
  const found = [];
  let at = random() * 0.012;
  while (at < EPOCH - 0.006) {
    const length = (lane === 0 ? 0.003 + 0.004 * random() : 0.0012 + 0.002 * random());
    if (random() < load) found.push([at, Math.min(EPOCH, at + length)]);
    at += length + 0.006 + 0.03 * random() * (1.3 - load);
  }
  return found;
}

/** [begin, end, lane] of all bursts, none over another: a later one waits for its turn. */
function queue(epoch) {
  const all = [0, 1].flatMap((lane) => bursts(lane, epoch).map(([b, e]) => [b, e, lane]));
  all.sort((a, b) => a[0] - b[0]);
  let free = 0;
  return all.map(([begin, end, lane]) => {
    const start = Math.max(begin, free);
    free = start + (end - begin);
    return [begin, start, free, lane];
  }).filter(([, , end]) => end <= EPOCH);
}

/** Blocks of the epoch: [lane, begin, end, what], relative to its begin. */
function epochBlocks(epoch) {
  const t = epoch * EPOCH;
  const out = [];
  const taken = queue(epoch);
  for (const [asked, begin, end, lane] of taken) {
    if (begin > asked) out.push([lane, asked, begin, 'wait']);
    out.push([lane, begin, end, 'run']);
  }
  const away = parkedAt(t);
  const others = away === null ? [2, 3, 4] : [2, 3];
  if (away !== null) out.push([4, 0, EPOCH, 'parked']);
  const weights = [0, 0, 3, 1, 1];
  const sum = others.reduce((all, lane) => all + weights[lane], 0);
  let turn = 0;
  const order = hash(77, epoch) < 0.5 ? others : [...others].reverse();
  for (const lane of order) {
    const until = turn + (EPOCH * weights[lane]) / sum;
    out.push([lane, turn, until, 'turn']);
    fill(out, lane, turn, until, taken, epoch);
    for (const other of others) if (other !== lane) out.push([other, turn, until, 'wait']);
    turn = until;
  }
  for (const [asked, , end, lane] of taken) out.push([lane, asked, end, 'gate']);
  return out;
}

/** Runs of `lane` in its turn, around the bursts, with a little idle time. */
function fill(out, lane, from, to, taken, epoch) {
  let at = from + 0.0002;
  const stop = to - (hash(lane, epoch, 5) < 0.25 ? (to - from) * 0.3 : 0);
  for (const [, begin, end] of [...taken, [0, to, to]]) {
    if (begin > at && at < stop) out.push([lane, at, Math.min(begin - 0.0001, stop), 'run']);
    at = Math.max(at, end + 0.0003);
    if (at >= to) break;
  }
}

/** Blocks that end in (from, to], as the stream tells them. */
export function blocksBetween(from, to) {
  const out = [];
  for (let epoch = Math.floor(from / EPOCH) - 1; epoch <= Math.floor(to / EPOCH); epoch++) {
    for (const [lane, begin, end, what] of epochBlocks(epoch)) {
      const at = epoch * EPOCH + end;
      if (at > from && at <= to && end > begin) {
        out.push({ lane, begin: epoch * EPOCH + begin, end: at, what, label: label(what) });
      }
    }
  }
  return out.sort((a, b) => a.begin - b.begin);
}

const round = (value) => Math.round(value * 1e7) / 1e7;

/** How much of the time a lane runs, waits and has its gate closed, about `t`. */
function shares(lane, t) {
  if (lane === 4 && parkedAt(t) !== null) return { parked: 1 };
  const load = 0.4 + 0.5 * noise(50, t, 600) * noise(51, t, 7000);
  const run = [0.3 * load, 0.12 * load, 0.62 - 0.4 * load, 0.2 - 0.1 * load, 0.15][lane];
  return lane < 2 ? { run, wait: run * 0.1, gate: run * 1.1 } : { run, wait: 0.4 };
}

/** Lanes of [from, to] with about 2 x px blocks each at most. */
export function lanes(from, to, px, upTo) {
  const until = Math.min(to, upTo);
  const blocks = LANES.map(() => []);
  const fine = until - from <= 60;
  if (fine) {
    for (const { lane, begin, end, what } of blocksBetween(from, until)) {
      blocks[lane].push([round(begin - from), round(end - from), what, 1]);
    }
  } else {
    const step = Math.max((to - from) / Math.min(px, 2000), 0.05);
    for (let at = from; at < until; at += step) {
      LANES.forEach((_, lane) => {
        for (const [what, share] of Object.entries(shares(lane, at))) {
          const wobble = share * (0.85 + 0.3 * hash(lane, at / step, what.length));
          blocks[lane].push([round(at - from), round(Math.min(until, at + step) - from), what,
                             what === 'parked' ? 1 : Math.min(1, round(wobble))]);
        }
      });
    }
  }
  return toLanes(blocks);
}

/** A million runs of 0.6 ms for each 600 s. */
export function denseLanes(from, to, upTo) {
  const quantum = 0.0006;
  const blocks = LANES.map(() => []);
  const last = Math.floor(Math.min(to, upTo) / quantum);
  const first = Math.max(Math.ceil(from / quantum), last - 1100000);
  for (let i = first; i < last; i++) {
    const begin = i * quantum - from;
    blocks[Math.floor(hash(9, i >> 2) * LANES.length)]
      .push([round(begin), round(begin + quantum * (0.5 + 0.45 * hash(8, i))), 'run', 1]);
  }
  return toLanes(blocks);
}

const toLanes = (blocks) => LANES.map((workload, lane) => ({
  workload: workload.workload, name: workload.name, class: workload.class,
  source: lane === 3 ? 'granted' : lane === 4 ? 'estimated' : 'measured', blocks: blocks[lane],
}));
