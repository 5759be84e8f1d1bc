#!/usr/bin/env node
// A stand-in for `corun serve` that speaks docs/live-api.md with made-up, moving figures.
//   node mock/server.mjs [--port N] [--mode normal|million|empty|error|stale|replay] [--token T]
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createGzip } from 'node:zlib';
import { EVENT_S, GPU_SERIES, UUIDS, WORKLOADS, WORKLOAD_SERIES, eventAt, nodeAt, snapshotAt } from './node.mjs';
import { hash } from './random.mjs';
import { LANES, blocksBetween, denseLanes, lanes } from './slices.mjs';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css',
                '.svg': 'image/svg+xml' };
const HEADERS = { 'Content-Security-Policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
                  'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' };
const now = () => Date.now() / 1000;

class Refusal extends Error {
  constructor(status, what, todo) { super(what); Object.assign(this, { status, what, todo }); }
}

function json(request, response, status, body) {
  const headers = { ...HEADERS, 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
  response.writeHead(status, headers);
  response.end(JSON.stringify(body));
}

function seriesOf(name, f, unit, workload, from, to, points) {
  const step = Math.max(0.1, (to - from) / points);
  const out = { name, workload, unit, label: 'measured', t: [], min: [], mean: [], max: [] };
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
    const mean = f(t);
    const wide = mean === null ? 0 : mean * Math.min(0.2, step / 60) * hash(1, t / step);
    out.t.push(t);
    out.mean.push(mean);
    out.min.push(mean === null ? null : mean - wide);
    out.max.push(mean === null ? null : mean + wide);
  }
  return out;
}

class Mock {
  constructor({ mode = 'normal', token = 'letmein', pause = false } = {}) {
    Object.assign(this, { mode, token, changes: [], streams: new Set(), refuse: pause });
    const end = Math.floor(now());
    this.replay = mode === 'replay'
      ? { file: 'node-07.ndjson.zst', from: end - 3600, to: end, at: end - 1800, speed: 1, paused: false } : null;
    this.wall = now();
  }

  /** The time that is shown. */
  at() {
    const wall = now();
    if (!this.replay) return wall;
    const { replay } = this;
    if (!replay.paused) replay.at = Math.min(replay.to, replay.at + (wall - this.wall) * replay.speed);
    this.wall = wall;
    return replay.at;
  }

  snapshot() {
    const at = this.at();
    const made = snapshotAt(at, { mode: this.mode, replay: this.replay });
    for (const { workload, values } of this.changes) {
      Object.assign(made.workloads.find((one) => one.workload === workload) ?? {}, values);
    }
    return made;
  }

  slices(query) {
    const from = Number(query.get('from'));
    const to = Number(query.get('to'));
    if (!(to > from)) throw new Refusal(400, 'from and to are no range of time', 'give from < to');
    const dense = this.mode === 'million';
    const px = Number(query.get('px') ?? 1200);
    const none = query.get('gpu') !== UUIDS[0];
    return { schema: 1, gpu: query.get('gpu'), from, to, truncated: false,
             lanes: none ? [] : dense ? denseLanes(from, to, this.at()) : lanes(from, to, px, this.at()) };
  }

  series(query) {
    const gpu = UUIDS.indexOf(query.get('gpu'));
    if (gpu < 0) throw new Refusal(404, 'no such GPU', 'ask /api/v1/snapshot for the GPUs');
    const from = Number(query.get('from'));
    const to = Math.min(Number(query.get('to')), this.at());
    const points = Number(query.get('points') ?? 600);
    const series = [];
    for (const name of query.get('names').split(',')) {
      if (GPU_SERIES[name] && !query.get('workload')) series.push(seriesOf(name, (t) => GPU_SERIES[name](gpu, t), '', null, from, to, points));
      if (!WORKLOAD_SERIES[name]) continue;
      for (const workload of WORKLOADS.filter((one) => one.gpu === gpu)) {
        if (query.get('workload') !== workload.workload) continue;
        series.push(seriesOf(name, (t) => WORKLOAD_SERIES[name](workload, t), '', workload.workload, from, to, points));
      }
    }
    return { schema: 1, step: Math.max(0.1, (to - from) / points), from, series };
  }

  events(since) {
    const last = Math.floor(this.at() / EVENT_S);
    const first = Math.max(since, last - 160);
    const events = this.mode === 'empty' ? []
      : Array.from({ length: Math.max(0, last - first) }, (_, i) => eventAt(first + i));
    return { schema: 1, next: last, events };
  }

  reports() {
    const made = (name, hours, mix, modes) => ({ name, created: Math.floor(now()) - hours * 3600, mix, modes,
                                                 href: `/reports/${name}/report.html` });
    return { schema: 1, reports: this.mode === 'empty' ? [] : [
      made('serve-beside-training', 3, 'serve-beside-training', ['exclusive', 'time-slicing', 'mps', 'managed']),
      made('two-trainings', 29, 'two-trainings', ['exclusive', 'time-slicing', 'mps', 'mig', 'managed'])] };
  }

  stream(request, response, query) {
    const hz = Math.min(10, Math.max(1, Number(query.get('hz') ?? 2)));
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    const say = (event, data) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    let told = this.at();
    let seq = this.events(0).next;
    say('hello', { schema: 1, node: nodeAt(told, this.mode), replay: this.replay });
    say('snapshot', this.snapshot());
    const timer = setInterval(() => {
      const at = this.at();
      say('snapshot', this.snapshot());
      if (this.mode !== 'empty' && this.mode !== 'million' && at > told) {
        const found = blocksBetween(Math.max(told, at - 5), at);
        say('slices', found.map(({ lane, ...block }) => ({ gpu: UUIDS[0], workload: LANES[lane].workload, ...block })));
      }
      told = at;
      const fresh = this.events(seq);
      if (fresh.events.length) say('events', fresh.events);
      seq = fresh.next;
    }, 1000 / hz);
    this.streams.add(response);
    request.on('close', () => { clearInterval(timer); this.streams.delete(response); });
  }

  async post(request, path) {
    let body = '';
    for await (const part of request) body += part;
    const values = body ? JSON.parse(body) : {};
    if (path === '/api/v1/replay') {
      if (!this.replay) throw new Refusal(404, 'nothing is replayed', 'start with --replay FILE');
      this.at();
      Object.assign(this.replay, values);
      return { schema: 1, replay: this.replay };
    }
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      throw new Refusal(401, 'the token is missing or wrong', 'corun serve --print-token shows it');
    }
    const [uid, name, verb] = path.slice('/api/v1/workloads/'.length).split('/').map(decodeURIComponent);
    const workload = `${uid}/${name}`;
    if (!WORKLOADS.some((one) => one.workload === workload)) throw new Refusal(404, 'no such workload', 'reload');
    if (verb) this.changes.push({ workload, values: { state: verb === 'park' ? 'parked' : 'running' } });
    else this.changes.push({ workload, values });
    return { schema: 1 };
  }

  async answer(request, response) {
    const url = new URL(request.url, 'http://localhost');
    const path = url.pathname;
    if (this.refuse) throw new Refusal(503, 'the server is starting', 'ask again in a second');
    if (request.method === 'POST') return json(request, response, 200, await this.post(request, path));
    const failing = this.mode === 'error' && /slices|series|reports/.test(path);
    if (failing) throw new Refusal(503, 'the store cannot be read', 'see the log of corun serve');
    const query = url.searchParams;
    switch (path) {
      case '/api/v1/snapshot': return json(request, response, 200, this.snapshot());
      case '/api/v1/stream': return this.stream(request, response, query);
      case '/api/v1/slices': return json(request, response, 200, this.slices(query));
      case '/api/v1/series': return json(request, response, 200, this.series(query));
      case '/api/v1/events': return json(request, response, 200, this.events(Number(query.get('since') ?? 0)));
      case '/api/v1/reports': return json(request, response, 200, this.reports());
      default: return this.file(path, response);
    }
  }

  file(path, response) {
    const name = join(DIST, normalize(path === '/' ? '/index.html' : path));
    if (!name.startsWith(DIST) || !existsSync(name)) throw new Refusal(404, 'no such file', 'go to /');
    response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
                              'Content-Encoding': 'gzip' });
    createReadStream(name).pipe(createGzip()).pipe(response);
  }
}

/** Starts a mock; {url, mock, close(), drop()}: drop ends streams as a dying server does. */
export async function startMock(options = {}) {
  const mock = new Mock(options);
  const server = createServer((request, response) => {
    mock.answer(request, response).catch?.((error) => {
      const { status = 500, what = String(error), todo = '' } = error;
      json(request, response, status, { schema: 1, error: { what, todo } });
    });
  });
  await new Promise((done) => server.listen(options.port ?? 0, '127.0.0.1', done));
  const drop = () => { for (const stream of mock.streams) stream.destroy(); };
  return { url: `http://127.0.0.1:${server.address().port}/`, mock, drop,
           close: () => new Promise((done) => { drop(); server.close(done); server.closeAllConnections(); }) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const option = (name, other) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? other : process.argv[at + 1];
  };
  const { url } = await startMock({ port: Number(option('port', 8470)), mode: option('mode', 'normal'),
                                    token: option('token', 'letmein') });
  console.log(`mock of corun serve: ${url}`);
}
