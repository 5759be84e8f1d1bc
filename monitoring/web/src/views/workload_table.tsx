// Who runs, what it gets, and what it waits for.
import { useState } from 'preact/hooks';
import type { Workload } from '../api/contract';
import { colourVar, gpuOf, useAppState } from '../ui/context';
import { Badge, CLASS_TONE, Meter, STATE_TONE, Spark, Swatch, Value } from '../ui/parts';
import { DASH, bytes, decision, micros, percent } from '../format';
import { WorkloadDialog } from './workload_dialog';

const figure = (workload: Workload, name: string) => workload.figures[name];
const late = (workload: Workload): boolean =>
  (figure(workload, 'burst_p99_us')?.value ?? 0) > (workload.latency_target_us ?? Infinity);

function nowOf(workload: Workload): string {
  if (workload.state !== 'running') return workload.state;
  if (workload.now.gate_closed) return 'keeps its gate closed';
  if (workload.now.waits) return 'waits';
  return workload.now.holds_gpu ? 'has the GPU' : 'running';
}

function Share({ workload }: { workload: Workload }) {
  const { min_share: least, max_share: most } = workload;
  if (!least && (most === null || most === 1)) return <>×{workload.weight}</>;
  return <>×{workload.weight} <span class="muted">{percent(least ?? 0)}–{percent(most ?? 1)}</span></>;
}

function Place({ workload }: { workload: Workload }) {
  const { snapshot } = useAppState();
  const boxes = snapshot!.containers.filter((box) => workload.containers.includes(box.short_id));
  if (boxes.length === 0) return <span class="muted">host</span>;
  return <>{boxes.map((box) => <span key={box.id} class="place"
    title={`${box.runtime} ${box.short_id}${box.image ? `, ${box.image}` : ''}`}>
    {box.pod ? `${box.pod.namespace ?? '?'}/${box.pod.name ?? box.pod.uid}` : box.name ?? box.short_id}
  </span>)}</>;
}

function Row({ workload, brief, open }:
    { workload: Workload; brief: boolean; open: () => void }) {
  const { history, snapshot } = useAppState();
  const ratio = workload.rates['gpu_ratio'];
  const memory = figure(workload, 'memory_bytes');
  const limit = workload.memory_limit_bytes;
  const first = workload.reasons[0] && decision(workload.reasons[0]);
  return <tr>
    <th scope="row" data-name="Workload"><button type="button" class="open" onClick={open}>
      <Swatch colour={colourVar(workload.gpu, workload.workload)} />{workload.name}</button>
      <span class="muted"> {workload.user}{brief && snapshot!.gpus.length > 1 &&
        ` · GPU ${gpuOf(snapshot, workload.gpu)?.index}`}</span></th>
    <td data-name="Class"><Badge tone={CLASS_TONE[workload.class]}>{workload.class}</Badge></td>
    {!brief && <td data-name="Share"><Share workload={workload} /></td>}
    <td data-name="State"><Badge tone={workload.state === 'running' && workload.now.waits ? 'warn' : STATE_TONE[workload.state]}>
      {nowOf(workload)}</Badge></td>
    <td data-name="GPU time" class="ratio"><span class="num"><Value figure={ratio} show={percent} /></span>
      <Spark trail={history[`${workload.gpu} ${workload.workload}`]} now={snapshot!.at}
        label={`${workload.name}: GPU time over two minutes`} /></td>
    <td data-name="Waits" class="num"><Value figure={workload.rates['wait_ratio']} show={percent} /></td>
    <td data-name="p99" class={late(workload) ? 'num late' : 'num'}>
      <Value figure={figure(workload, 'burst_p99_us')} show={micros} />
      {workload.latency_target_us !== null &&
        <span class="muted"> / {micros(workload.latency_target_us)}</span>}</td>
    <td data-name="Memory"><span class="num">{bytes(memory?.value)}
      {limit !== null && <span class="muted"> / {bytes(limit)}</span>}</span>
      {limit !== null && <Meter value={(memory?.value ?? 0) / limit} label={`${workload.name}: memory of its limit`}
        tone={(memory?.value ?? 0) > 0.95 * limit ? 'bad' : 'info'} />}</td>
    {!brief && <td data-name="Where"><Place workload={workload} /></td>}
    {!brief && <td data-name="Decision" class="why">
      {first ? <><b>{first[0]}</b> {first[1]}</> : DASH}</td>}
  </tr>;
}

export function WorkloadTable({ workloads, brief = false }:
    { workloads: Workload[]; brief?: boolean }) {
  const [open, setOpen] = useState<string | null>(null);
  const key = (workload: Workload): string => `${workload.gpu} ${workload.workload}`;
  const chosen = workloads.find((workload) => key(workload) === open);
  if (workloads.length === 0) {
    return <p class="hint">No workload runs. <code>corun run --name NAME -- PROGRAM</code> starts one.</p>;
  }
  return <div class="scroll" tabIndex={0} role="region" aria-label="Table of workloads">
    <table class="rows">
      <thead><tr><th scope="col">Workload</th><th scope="col">Class</th>
        {!brief && <th scope="col">Share</th>}<th scope="col">Now</th><th scope="col">GPU time</th>
        <th scope="col">Waits</th><th scope="col">p99 / target</th><th scope="col">Memory / limit</th>
        {!brief && <><th scope="col">Where</th><th scope="col">Decision</th></>}</tr></thead>
      <tbody>{workloads.map((workload) => <Row key={key(workload)} workload={workload} brief={brief}
        open={() => setOpen(key(workload))} />)}</tbody>
    </table>
    {chosen && <WorkloadDialog workload={chosen} close={() => setOpen(null)} />}
  </div>;
}
