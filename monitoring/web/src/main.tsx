import { render } from 'preact';
import { getEvents, getSeries } from './api/client';
import type { Event, Hello, SliceBlock, Snapshot } from './api/contract';
import { openStream } from './api/stream';
import { App } from './app';
import { Store, TRAIL_S } from './state/store';
import './style.css';
import { PageContext, SliceFeed, applyTheme, readTheme } from './ui/context';

const store = new Store();
const feed = new SliceFeed();
let begun = false;

/** The past of the small charts, once: the rest comes with the stream. */
async function backfill(snapshot: Snapshot): Promise<void> {
  await Promise.all(snapshot.gpus.map(async ({ uuid }) => {
    const from = snapshot.at - TRAIL_S;
    const answer = await getSeries(uuid, ['utilization', 'gpu_ratio'], from, snapshot.at, 120);
    for (const series of answer.series) {
      const key = series.workload ? `${uuid} ${series.workload}` : uuid;
      store.dispatch({ type: 'backfill', key, t: series.t, v: series.mean });
    }
  })).catch(() => { /* small charts then begin now */ });
}

const stream = openStream('api/v1/stream?hz=2', {
  on: {
    hello: (data) => store.dispatch({ type: 'hello', hello: data as Hello }),
    snapshot: (data) => {
      const snapshot = data as Snapshot;
      store.dispatch({ type: 'snapshot', snapshot, nowMs: performance.now() });
      if (!begun) void backfill(snapshot);
      begun = true;
    },
    slices: (data) => feed.push(data as SliceBlock[]),
    events: (data) => store.dispatch({ type: 'events', events: data as Event[] }),
  },
  link: (link) => {
    store.dispatch({ type: 'link', link });
    if (link.state !== 'live') return;
    // What the stream said while it was away is in the log.
    getEvents(store.state.nextEvent).then(
      ({ events }) => store.dispatch({ type: 'events', events }), () => { /* with the next link */ });
  },
});

applyTheme(readTheme());
const root = document.getElementById('app')!;
root.textContent = '';
render(<PageContext.Provider value={{ store, feed, retryNow: stream.retryNow }}>
  <App />
</PageContext.Provider>, root);
