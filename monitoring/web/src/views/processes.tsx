// Processes with a context on the GPU, by container.
import type { Container, Process } from '../api/contract';
import { colourVar, gpuOf, useAppState } from '../ui/context';
import { Badge, Panel, Swatch } from '../ui/parts';
import { DASH, bytes, dateTime, percent } from '../format';

const titleOf = (box: Container): string =>
  box.pod ? `${box.pod.namespace ?? '?'}/${box.pod.name ?? box.pod.uid}` : box.name ?? box.short_id;

function Row({ process, gpu, box }: { process: Process; gpu: string; box: Container | undefined }) {
  return <tr>
    <td data-name="PID" class="num">{process.pid}</td>
    <th scope="row" data-name="Command"><code class="command" title={process.command}>{process.command}</code></th>
    <td data-name="User">{process.user}</td>
    <td data-name="Workload">{process.workload
      ? <><Swatch colour={colourVar(gpu, process.workload)} />{process.workload.split('/')[1]}</>
      : <span class="muted">{DASH}</span>}</td>
    <td data-name="Container">{box ? <span title={box.image ?? ''}>{titleOf(box)}</span>
      : process.container ? <code>{process.container}</code> : <span class="muted">host</span>}</td>
    <td data-name="Memory" class="num">{bytes(process.memory_bytes)}</td>
    <td data-name="SMs" class="num">{percent(process.sm_utilization)}</td>
    <td data-name="By">{process.mps && <Badge>MPS</Badge>}{process.mps && ' '}
      {process.gpu_instance !== null && <Badge>MIG {process.gpu_instance}</Badge>}
      {!process.mps && process.gpu_instance === null && <span class="muted">{DASH}</span>}</td>
    <td data-name="Since"><span class="muted">{dateTime(process.started)}</span></td>
  </tr>;
}

const Box = ({ box, processes }: { box: Container; processes: Process[] }) =>
  <li class="box">
    <b>{titleOf(box)}</b> <Badge>{box.runtime}</Badge>{box.pod && ' '}{box.pod && <Badge tone="info">pod</Badge>}
    <dl>
      <div><dt>Id</dt><dd><code>{box.short_id}</code></dd></div>
      {box.image && <div><dt>Image</dt><dd><code>{box.image}</code></dd></div>}
      <div><dt>Memory</dt><dd>{bytes(processes.reduce((sum, one) => sum + (one.memory_bytes ?? 0), 0))}</dd></div>
      <div><dt>Processes</dt><dd>{processes.map((one) => one.pid).join(', ')}</dd></div>
    </dl>
  </li>;

export function Processes() {
  const { snapshot, gpu: chosen } = useAppState();
  const gpu = gpuOf(snapshot, chosen)!;
  const boxOf = (process: Process) =>
    snapshot!.containers.find((box) => box.short_id === process.container);
  const sorted = [...gpu.processes].sort((a, b) => (b.memory_bytes ?? 0) - (a.memory_bytes ?? 0));
  const boxes = snapshot!.containers.filter((box) =>
    gpu.processes.some((process) => process.container === box.short_id));
  return <>
    <Panel title={`Processes on GPU ${gpu.index}`} wide>
      {sorted.length === 0 ? <p class="hint">No process has a context on this GPU.</p>
        : <div class="scroll" tabIndex={0} role="region" aria-label="Table of processes"><table class="rows">
          <thead><tr>{['PID', 'Command', 'User', 'Workload', 'Container', 'Memory', 'SMs', 'By', 'Since']
            .map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
          <tbody>{sorted.map((process) =>
            <Row key={process.pid} process={process} gpu={gpu.uuid} box={boxOf(process)} />)}</tbody>
        </table></div>}
    </Panel>
    <Panel title="Containers" wide>
      {boxes.length === 0 ? <p class="hint">No process of this GPU is in a container.</p>
        : <ul class="boxes">{boxes.map((box) => <Box key={box.id} box={box}
          processes={gpu.processes.filter((one) => one.container === box.short_id)} />)}</ul>}
    </Panel>
  </>;
}
