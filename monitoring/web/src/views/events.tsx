// What happened on the node, newest first.
import { useState } from 'preact/hooks';
import type { Event, Severity } from '../api/contract';
import { eventsSoFar } from '../state/store';
import { useAppState } from '../ui/context';
import { Badge, Panel, type Tone } from '../ui/parts';
import { dateTime } from '../format';

const TONES: Record<Severity, Tone> = { info: 'plain', warning: 'warn', error: 'bad' };
const RANK: Severity[] = ['info', 'warning', 'error'];
const SHOWN = 100;

export function EventList({ events }: { events: Event[] }) {
  const { snapshot } = useAppState();
  const gpuName = (uuid: string | null): string => {
    const gpu = snapshot?.gpus.find((one) => one.uuid === uuid);
    return gpu ? `GPU ${gpu.index}` : uuid ?? '';
  };
  if (events.length === 0) return <p class="hint">Nothing of note happened so far.</p>;
  return <ol class="events">
    {events.map((event) => <li key={event.seq} class={event.severity}>
      <time dateTime={new Date(event.at * 1000).toISOString()}>{dateTime(event.at)}</time>
      <Badge tone={TONES[event.severity]}>{event.kind}</Badge>
      <span class="text">{event.text}</span>
      <span class="muted">{[gpuName(event.gpu), event.workload].filter(Boolean).join(' · ')}</span>
    </li>)}
  </ol>;
}

export function Events() {
  const events = eventsSoFar(useAppState());
  const [least, setLeast] = useState<Severity>('info');
  const [word, setWord] = useState('');
  const [shown, setShown] = useState(SHOWN);
  const wanted = word.trim().toLowerCase();
  const found = events.filter((event) => RANK.indexOf(event.severity) >= RANK.indexOf(least) &&
    (!wanted || `${event.kind} ${event.text} ${event.workload ?? ''}`.toLowerCase().includes(wanted)));
  return <Panel title="Events" wide aside={<span class="filters">
    <select aria-label="Severity" value={least}
      onChange={(event) => setLeast(event.currentTarget.value as Severity)}>
      <option value="info">All</option><option value="warning">Warnings and errors</option>
      <option value="error">Errors</option>
    </select>
    <label>with the word <input type="search" value={word}
      onInput={(event) => setWord(event.currentTarget.value)} /></label>
  </span>}>
    <p class="hint" role="status">{found.length} of {events.length} events</p>
    <EventList events={found.slice(-shown).reverse()} />
    {found.length > shown && <p class="more"><button type="button"
      onClick={() => setShown(shown * 2)}>Show older ones</button></p>}
  </Panel>;
}
