// Everything the page knows, as one value; `reduce` is the only way it changes.
import type { Event, Hello, Snapshot } from '../api/contract';
import type { Link } from '../api/stream';

export type Theme = 'auto' | 'light' | 'dark';
export interface State {
  snapshot: Snapshot | null;
  /** When the snapshot came, by performance.now(), to tell the server's time between two. */
  snapshotAtMs: number;
  link: Link;
  events: Event[];
  nextEvent: number;
  history: History;
  gpu: string | null;
}
/** Last two minutes of a few figures, by `UUID` or `UUID UID/NAME`. */
export type History = Record<string, Trail>;
export interface Trail { t: number[]; v: (number | null)[] }

export type Action =
  | { type: 'hello'; hello: Hello }
  | { type: 'snapshot'; snapshot: Snapshot; nowMs: number }
  | { type: 'events'; events: Event[] }
  | { type: 'link'; link: Link }
  | { type: 'backfill'; key: string; t: number[]; v: (number | null)[] }
  | { type: 'gpu'; uuid: string };

export const EVENTS_KEPT = 1000;
export const TRAIL_S = 120;

export const initial: State = {
  snapshot: null, snapshotAtMs: 0, link: { state: 'connecting' }, events: [], nextEvent: 0,
  history: {}, gpu: null,
};

/** `trail` with one more point; what is older than TRAIL_S goes. Time that ran back (replay) clears. */
export function grow(trail: Trail | undefined, at: number, value: number | null): Trail {
  const last = trail?.t[trail.t.length - 1];
  if (!trail || (last !== undefined && at < last)) return { t: [at], v: [value] };
  if (at === last) return trail;
  const first = trail.t.findIndex((time) => time >= at - TRAIL_S);
  const from = first < 0 ? trail.t.length : first;
  return { t: [...trail.t.slice(from), at], v: [...trail.v.slice(from), value] };
}

function remember(history: History, snapshot: Snapshot): History {
  const next: History = {};
  for (const gpu of snapshot.gpus) {
    next[gpu.uuid] = grow(history[gpu.uuid], snapshot.at, gpu.utilization);
  }
  for (const workload of snapshot.workloads) {
    const key = `${workload.gpu} ${workload.workload}`;
    next[key] = grow(history[key], snapshot.at, workload.rates['gpu_ratio']?.value ?? null);
  }
  return next;
}

/** Events by sequence number, each once, the newest EVENTS_KEPT. */
export function merge(old: Event[], more: Event[]): Event[] {
  const last = old[old.length - 1]?.seq ?? -1;
  const known = new Set(more.some((event) => event.seq <= last) ? old.map((e) => e.seq) : []);
  const all = [...old, ...more.filter((event) => !known.has(event.seq))];
  return all.sort((a, b) => a.seq - b.seq).slice(-EVENTS_KEPT);
}

function onSnapshot(state: State, snapshot: Snapshot, nowMs: number): State {
  const there = snapshot.gpus.some((gpu) => gpu.uuid === state.gpu);
  return {
    ...state, snapshot, snapshotAtMs: nowMs, history: remember(state.history, snapshot),
    gpu: there ? state.gpu : snapshot.gpus[0]?.uuid ?? null,
  };
}

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'hello': {
      if (!state.snapshot) return state;
      const { node, replay } = action.hello;
      return { ...state, snapshot: { ...state.snapshot, node, replay } };
    }
    case 'snapshot': return onSnapshot(state, action.snapshot, action.nowMs);
    case 'events': {
      const events = merge(state.events, action.events);
      return { ...state, events, nextEvent: (events[events.length - 1]?.seq ?? -1) + 1 };
    }
    case 'link': return { ...state, link: action.link };
    case 'backfill': {
      const trail = state.history[action.key] ?? { t: [], v: [] };
      const before = trail.t[0] ?? Infinity;
      const keep = action.t.filter((time) => time < before).length;
      const joined = { t: [...action.t.slice(0, keep), ...trail.t],
                       v: [...action.v.slice(0, keep), ...trail.v] };
      return { ...state, history: { ...state.history, [action.key]: joined } };
    }
    case 'gpu': return { ...state, gpu: action.uuid };
  }
}

/** Events until now: a recording that is played has those of later times already. */
export function eventsSoFar({ events, snapshot }: State): Event[] {
  if (!snapshot?.replay) return events;
  return events.filter((event) => event.at <= snapshot.at);
}

/** The server's time now: the snapshot's, carried on, at the replay's speed when there is one. */
export function serverNow(state: State, nowMs: number): number {
  if (!state.snapshot) return Date.now() / 1000;
  const { at, replay } = state.snapshot;
  const speed = replay ? (replay.paused ? 0 : replay.speed) : 1;
  return at + Math.min(2, Math.max(0, (nowMs - state.snapshotAtMs) / 1000)) * speed;
}

type Listener = () => void;
export class Store {
  state: State = initial;
  private listeners = new Set<Listener>();
  dispatch = (action: Action): void => {
    const next = reduce(this.state, action);
    if (next === this.state) return;
    this.state = next;
    for (const listener of this.listeners) listener();
  };
  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }
}
