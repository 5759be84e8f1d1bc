// What can be changed of a workload. Each change needs the token that `corun serve` was started with;
// it is kept in this tab only.
import { useState } from 'preact/hooks';
import { ApiError, change, token, type Change } from '../api/client';
import type { Workload } from '../api/contract';
import { bytes, parseBytes } from '../format';

interface Fields {
  class: string; weight: string; memory: string; target: string; least: string; most: string;
}

const fieldsOf = (workload: Workload): Fields => ({
  class: workload.class, weight: String(workload.weight),
  memory: workload.memory_limit_bytes ? bytes(workload.memory_limit_bytes).replace(' ', '') : '',
  target: workload.latency_target_us ? String(workload.latency_target_us / 1000) : '',
  least: workload.min_share ? String(workload.min_share * 100) : '',
  most: workload.max_share !== null && workload.max_share < 1 ? String(workload.max_share * 100) : '',
});

/** What differs from before, as the API wants it; a sentence when it makes no sense. */
export function changes(before: Fields, after: Fields): Change | string {
  const out: Change = {};
  const differs = (name: keyof Fields): boolean => before[name].trim() !== after[name].trim();
  if (differs('class')) out['class'] = after.class;
  const numbers: [keyof Fields, string, number, string, number, number][] = [
    ['weight', 'weight', 1, 'The weight', 0.001, 1000],
    ['target', 'latency_target_us', 1000, 'The latency target (ms)', 0, 1e6],
    ['least', 'min_share', 0.01, 'The least share (%)', 0, 100],
    ['most', 'max_share', 0.01, 'The greatest share (%)', 0, 100],
  ];
  for (const [name, key, factor, says, least, most] of numbers) {
    if (!differs(name)) continue;
    const text = after[name].trim() || (name === 'most' ? '100' : name === 'weight' ? '' : '0');
    const value = Number(text);
    if (text === '' || !(value >= least && value <= most)) {
      return `${says} is a number from ${least} to ${most}.`;
    }
    out[key] = name === 'target' ? Math.round(value * factor) : value * factor;
  }
  if (differs('memory')) {
    const value = after.memory.trim() === '' ? 0 : parseBytes(after.memory);
    if (value === null) return 'The memory limit is a size, as 40GiB or 500MB; nothing means none.';
    out['memory_limit_bytes'] = value;
  }
  return Object.keys(out).length === 0 ? 'Nothing is changed.' : out;
}

const Text = ({ name, value, set, hint }:
    { name: string; value: string; set: (value: string) => void; hint?: string }) =>
  <label>{name}<input type="text" value={value} title={hint} inputMode="decimal"
    onInput={(event) => set(event.currentTarget.value)} /></label>;

export function Levers({ workload }: { workload: Workload }) {
  const [before] = useState(() => fieldsOf(workload));
  const [fields, setFields] = useState(before);
  const [say, setSay] = useState<{ bad: boolean; text: string } | null>(null);
  const [asking, setAsking] = useState(!token.get());
  const [key, setKey] = useState(token.get());
  const set = (name: keyof Fields) => (value: string): void => setFields({ ...fields, [name]: value });

  const send = async (verb: '' | 'park' | 'resume', values: Change): Promise<void> => {
    if (!key.trim()) {
      setAsking(true);
      return setSay({ bad: true, text: 'Changes need the token that corun serve was started with.' });
    }
    token.set(key.trim());
    setSay({ bad: false, text: verb === 'park' ? 'Parking… it may take a minute.' : 'Asking…' });
    try {
      await change(workload.workload, verb, values);
      setAsking(false);
      setSay({ bad: false, text: 'Done.' });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        token.set('');
        setAsking(true);
        return setSay({ bad: true, text: 'The token was not accepted. It is the first line of the ' +
          'file that corun serve was given as --token-file.' });
      }
      setSay({ bad: true, text: error instanceof Error ? error.message : String(error) });
    }
  };
  const apply = (event: Event): void => {
    event.preventDefault();
    const found = changes(before, fields);
    if (typeof found === 'string') setSay({ bad: true, text: found });
    else void send('', found);
  };
  const away = workload.state === 'parked' || workload.state === 'parking';
  return <form class="levers" onSubmit={apply}>
    <label>Class<select value={fields.class} onChange={(event) => set('class')(event.currentTarget.value)}>
      <option>latency-critical</option><option>normal</option><option>best-effort</option>
    </select></label>
    <Text name="Weight" value={fields.weight} set={set('weight')} />
    <Text name="Memory limit" value={fields.memory} set={set('memory')} hint="as 40GiB; nothing: none" />
    <Text name="p99 target, ms" value={fields.target} set={set('target')} />
    <Text name="Least share, %" value={fields.least} set={set('least')} />
    <Text name="Greatest share, %" value={fields.most} set={set('most')} />
    {asking && <label class="token">Token of corun serve
      <input type="password" value={key} autoComplete="off"
        onInput={(event) => setKey(event.currentTarget.value)} /></label>}
    <div class="actions">
      <button type="submit" class="primary">Apply</button>
      {away ? <button type="button" onClick={() => void send('resume', {})}>Resume</button>
        : <button type="button" onClick={() => void send('park', { until_resume: true })}>Park</button>}
      {!asking && <button type="button" class="quiet" onClick={() => {
        token.set('');
        setKey('');
        setAsking(true);
      }}>Forget the token</button>}
    </div>
    <p class={say?.bad ? 'say bad' : 'say'} role="status">{say?.text}</p>
  </form>;
}
