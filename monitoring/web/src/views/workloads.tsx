import { gpuOf, useAppState, workloadsOf } from '../ui/context';
import { Panel } from '../ui/parts';
import { duration } from '../format';
import { NoDaemon } from './empty';
import { WorkloadTable } from './workload_table';

export function Workloads() {
  const { snapshot, gpu: chosen } = useAppState();
  const gpu = gpuOf(snapshot, chosen)!;
  const daemon = gpu.daemon;
  return <Panel title={`Workloads on GPU ${gpu.index}`} wide>
    {daemon ? <p class="hint">corund {daemon.version} of {daemon.user === 0 ? 'root' : `user ${daemon.user}`} (pid {daemon.pid}), up
      {' '}{duration(daemon.uptime_s)} · policy <b>{daemon.policy}</b> · by {daemon.backend} · slices
      {' '}{daemon.slices}{daemon.slices_why && `: ${daemon.slices_why}`} · GPU time {daemon.gpu_time}.
      A workload's name opens its figures, its decisions, and what can be changed.</p> : <NoDaemon />}
    <WorkloadTable workloads={workloadsOf(snapshot, gpu.uuid)} />
  </Panel>;
}
