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
async function backfill({ at, gpus, workloads }: Snapshot): Promise<void> {
  const ask = async (gpu: string, name: string, workload?: string): Promise<void> => {
    const answer = await getSeries(gpu, [name], at - TRAIL_S, at, 120, workload);
    for (const { t, mean } of answer.series) {
      store.dispatch({ type: 'backfill', key: workload ? `${gpu} ${workload}` : gpu, t, v: mean });
    }
  };
  await Promise.all([...gpus.map(({ uuid }) => ask(uuid, 'utilization')),
    ...workloads.map(({ gpu, workload }) => ask(gpu, 'gpu_ratio', workload))])
    .catch(() => { /* small charts then begin now */ });
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
