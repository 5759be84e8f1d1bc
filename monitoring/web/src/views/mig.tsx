// How the GPU is divided: MIG instances on their slots, MPS servers with their clients.
import type { Gpu } from '../api/contract';
import { useAppState } from '../ui/context';
import { Badge, Panel } from '../ui/parts';
import { bytes } from '../format';

/** "1g.10gb", which may break after its point where there is little room. */
export const Profile = ({ name }: { name: string }) => {
  const at = name.indexOf('.') + 1;
  return <>{name.slice(0, at)}<wbr />{name.slice(at)}</>;
};

function SlotMap({ gpu }: { gpu: Gpu }) {
  const { slots, instances } = gpu.mig!;
  const taken = new Set(instances.flatMap((one) =>
    Array.from({ length: one.size }, (_, i) => one.start + i)));
  const free = Array.from({ length: slots }, (_, i) => i).filter((slot) => !taken.has(slot));
  return <>
    <div class="slots" style={{ gridTemplateColumns: `repeat(${slots}, 1fr)` }} role="img"
      aria-label={`${slots} slots; ${instances.map((one) =>
        `${one.profile} on ${one.start} to ${one.start + one.size - 1}`).join(', ')}; ${free.length} free`}>
      {Array.from({ length: slots }, (_, slot) => <i key={slot} style={{ gridColumn: slot + 1 }}>{slot}</i>)}
      {instances.map((one, i) => <div key={one.uuid} class="instance"
        style={{ gridColumn: `${one.start + 1} / span ${one.size}`, borderColor: `var(--w${i % 8})` }}>
        <b><Profile name={one.profile} /></b><span>{bytes(one.memory_bytes)}</span></div>)}
      {free.map((slot) => <div key={`free${slot}`} class="instance free"
        style={{ gridColumn: slot + 1 }}>free</div>)}
    </div>
    <div class="scroll" tabIndex={0} role="region" aria-label="Table of MIG instances"><table class="rows">
      <thead><tr>{['Instance', 'Profile', 'Slots', 'Memory', 'UUID', 'Processes'].map((name) =>
        <th scope="col" key={name}>{name}</th>)}</tr></thead>
      <tbody>{instances.map((one) => <tr key={one.uuid}>
        <th scope="row" data-name="Instance">{one.gpu_instance}.{one.compute_instance}</th>
        <td data-name="Profile">{one.profile}</td>
        <td data-name="Slots">{one.size > 1 ? `${one.start}–${one.start + one.size - 1}` : one.start}</td>
        <td data-name="Memory">{bytes(one.memory_bytes)}</td>
        <td data-name="UUID"><code>{one.uuid}</code></td>
        <td data-name="Processes">{gpu.processes.filter((p) => p.gpu_instance === one.gpu_instance)
          .map((p) => `${p.name} (${p.pid})`).join(', ') || <span class="muted">none</span>}</td>
      </tr>)}</tbody>
    </table></div>
  </>;
}

function Mps({ gpu }: { gpu: Gpu }) {
  const { servers, clients } = gpu.mps!;
  return <ul class="boxes">
    {servers.map((server) => <li class="box" key={server.pid}>
      <b>Server {server.pid}</b> <Badge>user {server.user}</Badge></li>)}
    {clients.map((pid) => {
      const process = gpu.processes.find((one) => one.pid === pid);
      return <li class="box" key={pid}><b>Client {pid}</b> {process?.name}
        <span class="muted"> {process?.user} · {bytes(process?.memory_bytes)}</span></li>;
    })}
    {clients.length === 0 && <li class="box muted">No clients.</li>}
  </ul>;
}

export function Mig() {
  const { snapshot } = useAppState();
  return <>{snapshot!.gpus.map((gpu) =>
    <Panel key={gpu.uuid} title={`GPU ${gpu.index} · ${gpu.name}`} wide aside={<Badge tone="info">{gpu.mode}</Badge>}>
      <h3>MIG</h3>
      {gpu.mig?.enabled ? <SlotMap gpu={gpu} />
        : <p class="hint">{gpu.mig ? 'MIG is possible here and off.' : 'This GPU is not divided by MIG.'}
          {' '}<code>corun bench --mode mig</code> measures a mix under it.</p>}
      <h3 class="second">MPS</h3>
      {gpu.mps ? <Mps gpu={gpu} />
        : <p class="hint">No MPS server runs. <code>corun run --mode managed-mps</code> starts one.</p>}
    </Panel>)}</>;
}
