// All GPUs at a glance, who has the chosen one, and the last events.
import type { Gpu, Workload } from '../api/contract';
import { SliceChart } from '../timeline/chart';
import { eventsSoFar } from '../state/store';
import { colourVar, gpuOf, useAppState, usePage, workloadsOf } from '../ui/context';
import { Badge, Panel, Spark, Swatch } from '../ui/parts';
import { bytes, celsius, clock, hertz, percent, watts } from '../format';
import { NoDaemon } from './empty';
import { EventList } from './events';
import { Profile } from './mig';
import { WorkloadTable } from './workload_table';

const MODE_HELP: Record<string, string> = {
  managed: 'corund governs it by time slices', 'managed-mps': 'corund governs it, under MPS',
  mps: 'shared by MPS', mig: 'divided by MIG', default: 'processes take turns as the driver likes',
};

interface Part { name: string; bytes: number; colour: string; limit: number | null }

function memoryParts(gpu: Gpu, workloads: Workload[]): Part[] {
  const parts = workloads.map((workload) => ({
    name: workload.name, bytes: workload.figures['memory_bytes']?.value ?? 0,
    colour: colourVar(gpu.uuid, workload.workload), limit: workload.memory_limit_bytes,
  }));
  const known = parts.reduce((sum, part) => sum + part.bytes, 0);
  const rest = (gpu.memory_used_bytes ?? 0) - known;
  if (rest > 0) parts.push({ name: 'others and driver', bytes: rest, colour: 'var(--other)', limit: null });
  return parts;
}

export function Memory({ gpu, workloads }: { gpu: Gpu; workloads: Workload[] }) {
  const parts = memoryParts(gpu, workloads);
  return <div class="memory">
    <div class="row"><span>Memory</span>
      <b>{bytes(gpu.memory_used_bytes)} <span class="muted">of {bytes(gpu.memory_bytes)}</span></b></div>
    <div class="stack" role="img" aria-label={`Memory by workload: ${
      parts.map((part) => `${part.name} ${bytes(part.bytes)}`).join(', ')}`}>
      {parts.map((part) => <span key={part.name} title={`${part.name}: ${bytes(part.bytes)}`}
        style={{ width: `${(100 * part.bytes) / gpu.memory_bytes}%`, background: part.colour }} />)}
    </div>
    <ul class="parts">
      {parts.map((part) => <li key={part.name}><Swatch colour={part.colour} />
        <span class="name">{part.name}</span>
        {part.limit !== null && <span class="limit" title={`limit ${bytes(part.limit)}`}>
          <i style={{ width: `${Math.min(100, (100 * part.bytes) / part.limit)}%`,
                      background: part.colour }} /></span>}
        <span class="muted">{bytes(part.bytes)}{part.limit !== null && ` / ${bytes(part.limit)}`}</span>
      </li>)}
    </ul>
  </div>;
}

const Fact = ({ name, value, hot }: { name: string; value: string; hot?: boolean }) =>
  <div class={hot ? 'hot' : ''}><dt>{name}</dt><dd>{value}</dd></div>;

function Card({ gpu }: { gpu: Gpu }) {
  const { snapshot, history, gpu: chosen } = useAppState();
  const { store } = usePage();
  const workloads = workloadsOf(snapshot, gpu.uuid);
  const busy = gpu.utilization;
  // A GPU without work lowers its clocks: that is nothing to warn of.
  const throttled = gpu.throttle_reasons.filter((reason) => reason !== 'gpu-idle');
  return <article class={`card${gpu.error ? ' broken' : ''}`} aria-label={`GPU ${gpu.index}`}>
    <header>
      <h2><button type="button" class="title" aria-pressed={chosen === gpu.uuid}
        onClick={() => store.dispatch({ type: 'gpu', uuid: gpu.uuid })}>
        <span class="index">{gpu.index}</span>{gpu.name}</button></h2>
      <Badge tone="info" title={MODE_HELP[gpu.mode]}>{gpu.mode}</Badge>
    </header>
    {gpu.error && <p class="fault" role="alert">{gpu.error}</p>}
    <div class="use">
      <div class="big"><b>{percent(busy)}</b><span class="muted">
        {busy === null && gpu.mode === 'mig' ? 'not told under MIG' : 'in use'}</span></div>
      {busy !== null && <Spark trail={history[gpu.uuid]} now={snapshot!.at}
        label={`GPU ${gpu.index} in use over the last two minutes, now ${percent(busy)}`} />}
      {busy === null && gpu.mig && <MiniMig gpu={gpu} />}
    </div>
    <Memory gpu={gpu} workloads={workloads} />
    <dl class="facts">
      <Fact name="Power" value={`${watts(gpu.power_watts)} / ${watts(gpu.power_limit_watts)}`}
        hot={(gpu.power_watts ?? 0) > 0.95 * (gpu.power_limit_watts ?? Infinity)} />
      <Fact name="Temperature" value={celsius(gpu.temperature_celsius)}
        hot={(gpu.temperature_celsius ?? 0) > 85} />
      <Fact name="SM clock" value={hertz(gpu.sm_clock_hz)} />
      <Fact name="Tensor" value={percent(gpu.tensor_active)} />
    </dl>
    <p class="flags">
      {throttled.map((reason) =>
        <Badge key={reason} tone="warn" title="Why the clocks are lower than they could be">{reason}</Badge>)}
      {gpu.last_xid && <Badge tone="bad">XID {gpu.last_xid.xid} at {clock(gpu.last_xid.at)}</Badge>}
      {throttled.length === 0 && !gpu.last_xid && !gpu.error &&
        <Badge tone="good">no throttling, no errors</Badge>}
    </p>
  </article>;
}

const MiniMig = ({ gpu }: { gpu: Gpu }) =>
  <div class="mini-mig" style={{ gridTemplateColumns: `repeat(${gpu.mig!.slots}, minmax(0, 1fr))` }}
    role="img" aria-label={`MIG: ${
    gpu.mig!.instances.map((one) => one.profile).join(', ')}`}>
    {gpu.mig!.instances.map((one) =>
      <span key={one.uuid} style={{ gridColumn: `${one.start + 1} / span ${one.size}` }}>
        <Profile name={one.profile} /></span>)}
  </div>;

export function Overview() {
  const state = useAppState();
  const { snapshot, gpu: chosen } = state;
  const gpu = gpuOf(snapshot, chosen);
  return <>
    <div class="cards">{snapshot!.gpus.map((one) => <Card key={one.uuid} gpu={one} />)}</div>
    {gpu && <Panel title={`Who has GPU ${gpu.index}`} aside={<a href="#/slices">All of it</a>}>
      <SliceChart key={gpu.uuid} gpu={gpu} compact seconds={5} />
      {!gpu.daemon && <NoDaemon />}
    </Panel>}
    <Panel title="Workloads" aside={<a href="#/workloads">All of them</a>}>
      <WorkloadTable workloads={snapshot!.workloads} brief />
    </Panel>
    <Panel title="Last events" aside={<a href="#/events">All of them</a>}>
      <EventList events={eventsSoFar(state).slice(-5).reverse()} />
    </Panel>
  </>;
}
