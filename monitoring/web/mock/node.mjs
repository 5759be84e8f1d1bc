// A believable node: an H200 that corund manages, and an A100 in three MIG instances.
import { hash, noise } from './random.mjs';

const GIB = 2 ** 30;
export const UUIDS = ['GPU-5f1c8a32-9d41-4e0b-b7a6-2f60c1d4e8a9',
                      'GPU-c27be9f0-1a5d-48c3-9e1f-07d3b6a58f14'];
const ID = (n) => hash(n).toString(16).slice(2, 8).padEnd(8, 'a')
  .concat('9f3c1be07a52d8e46b1099ac4e7df3250b6c81e2a4d95f70c3e8b1').padEnd(64, '4').slice(0, 64);

export const CONTAINERS = [
  { n: 1, runtime: 'containerd', name: 'server', image: 'registry.local/chat/serve:4.2',
    pod: { uid: '0b1e6f0e-6d2a-4b0e-9a52-51c2b1a7d9e3', name: 'chat-7c9d5-x2x8k', namespace: 'prod' } },
  { n: 2, runtime: 'containerd', name: 'embed', image: 'registry.local/search/embed:1.9',
    pod: { uid: '5b9f2a7e-8d1c-4c55-8f0a-77b1c8d20f6e', name: 'embed-5f6b7-q9w2p', namespace: 'prod' } },
  { n: 3, runtime: 'podman', name: 'train-llm', image: 'localhost/train:2026-11', pod: null },
  { n: 4, runtime: 'docker', name: null, image: 'jupyter/pytorch-notebook', pod: null },
].map(({ n, ...rest }) => ({ id: ID(n), short_id: ID(n).slice(0, 12), ...rest }));
const [serveBox, embedBox, trainBox, noteBox] = CONTAINERS.map((c) => c.short_id);

/** ratio: part of the GPU it gets about; limit and memory in GiB. */
export const WORKLOADS = [
  { gpu: 0, workload: '1000/serve', user: 'alice', class: 'latency-critical', weight: 1, ratio: 0.21,
    memory: 38, limit: 48, target: 8000, p50: 4100, containers: [serveBox], pids: [41210] },
  { gpu: 0, workload: '1000/embed', user: 'alice', class: 'latency-critical', weight: 1, ratio: 0.08,
    memory: 7, limit: 12, target: 5000, p50: 1900, containers: [embedBox], pids: [41377] },
  { gpu: 0, workload: '1001/train', user: 'bob', class: 'best-effort', weight: 3, ratio: 0.41,
    memory: 52, limit: 64, target: null, p50: null, containers: [trainBox], pids: [50112, 50113] },
  { gpu: 0, workload: '1002/finetune', user: 'carol', class: 'normal', weight: 1, ratio: 0.14,
    memory: 18, limit: null, target: null, p50: null, containers: [], pids: [51900] },
  { gpu: 0, workload: '1002/notebook', user: 'carol', class: 'best-effort', weight: 1, ratio: 0.1,
    memory: 14, limit: 24, target: null, p50: null, containers: [noteBox], pids: [38804] },
  { gpu: 1, workload: '1001/sweep', user: 'bob', class: 'normal', weight: 1, ratio: 0.63,
    memory: 9, limit: 10, target: null, p50: null, containers: [], pids: [60244] },
].map((workload, index) => ({ ...workload, index, name: workload.workload.split('/')[1] }));

/** The notebook is away for 45 s of each 90 s; since when, or null. */
export function parkedAt(t) {
  const phase = ((t % 90) + 90) % 90;
  return phase < 45 ? t - phase : null;
}

const figure = (value, label = 'measured') => ({ value, label });
const parked = (workload, t) => workload.name === 'notebook' && parkedAt(t) !== null;

export const ratioOf = (workload, t) =>
  parked(workload, t) ? 0 : workload.ratio * (0.75 + 0.5 * noise(workload.index, t, 7));
export const memoryOf = (workload, t) =>
  parked(workload, t) ? 0 : workload.memory * GIB * (0.9 + 0.1 * noise(20 + workload.index, t, 40));
export const waitOf = (workload, t) => parked(workload, t) ? 0
  : (workload.class === 'latency-critical' ? 0.01 : 0.3) * (0.6 + 0.8 * noise(40 + workload.index, t, 9));
export const p99Of = (workload, t) => workload.p50 === null ? null
  : workload.p50 * (1.25 + 0.5 * noise(60 + workload.index, t, 12) ** 2 +
                    (noise(70 + workload.index, t, 30) > 0.86 ? 0.6 : 0));
const p50Of = (workload, t) => workload.p50 && workload.p50 * (0.94 + 0.12 * noise(80 + workload.index, t, 10));
export const launchesOf = (workload, t) => parked(workload, t) ? 0
  : [2400, 3100, 860, 1240, 310, 1900][workload.index] * (0.8 + 0.4 * noise(90 + workload.index, t, 6));

const on = (gpu) => WORKLOADS.filter((workload) => workload.gpu === gpu);
export const usedOf = (gpu, t) => on(gpu).reduce((sum, w) => sum + memoryOf(w, t), gpu ? 11 * GIB : 2.4 * GIB);
export const loadOf = (gpu, t) => Math.min(1, on(gpu).reduce((sum, w) => sum + ratioOf(w, t), 0) + 0.02);
const powerOf = (gpu, t) => (gpu ? 70 + 190 * loadOf(1, t) : 120 + 560 * loadOf(0, t) + 18 * noise(5, t, 1));

/** name -> function of (gpu, t). */
export const GPU_SERIES = {
  utilization: loadOf, memory_used_bytes: usedOf, power_watts: powerOf,
  temperature_celsius: (gpu, t) => 34 + powerOf(gpu, t) / 16,
  sm_clock_hz: (gpu, t) => (gpu ? 1.41e9 : 1.98e9) - (powerOf(gpu, t) > 640 ? 1.2e8 : 0),
  sm_active: (gpu, t) => loadOf(gpu, t) * 0.83,
  tensor_active: (gpu, t) => loadOf(gpu, t) * (0.3 + 0.2 * noise(12 + gpu, t, 11)),
  dram_active: (gpu, t) => loadOf(gpu, t) * (0.35 + 0.2 * noise(14 + gpu, t, 8)),
  pcie_rx_bytes_per_second: (gpu, t) => 2.1e9 * noise(16 + gpu, t, 5),
  pcie_tx_bytes_per_second: (gpu, t) => 0.9e9 * noise(18 + gpu, t, 4),
  energy_joules: (gpu, t) => (t % 1e6) * (gpu ? 190 : 500),
};
export const WORKLOAD_SERIES = {
  gpu_ratio: ratioOf, memory_bytes: memoryOf, wait_ratio: waitOf, burst_p50_us: p50Of,
  burst_p99_us: p99Of, launches_per_second: launchesOf,
  slice_us: (w) => (w.class === 'latency-critical' ? 20000 : 1000),
};

function processOf(workload, pid, n, t) {
  const commands = { serve: 'python3 -m serve --model chat-70b --port 8000', embed: 'embed-server --batch 32',
    train: 'torchrun --nproc-per-node 2 train.py --config big.yaml', finetune: 'python3 finetune.py --lora',
    notebook: 'python3 -m ipykernel_launcher -f kernel.json', sweep: 'python3 sweep.py --trials 200' };
  return { pid, name: commands[workload.name].split(' ')[0], command: commands[workload.name],
           user: workload.user, memory_bytes: memoryOf(workload, t) / workload.pids.length,
           sm_utilization: ratioOf(workload, t) / workload.pids.length, mps: false,
           gpu_instance: workload.gpu ? 1 : null, container: workload.containers[0] ?? null,
           workload: workload.workload, started: 1790000000 + 977 * (workload.index + n) };
}

const outsider = (pid, name, user, memory, extra = {}) => ({
  pid, name, command: name, user, memory_bytes: memory, sm_utilization: 0.01, mps: false,
  gpu_instance: null, container: null, workload: null, started: 1789990000, ...extra });

function workloadAt(workload, t) {
  const critical = workload.class === 'latency-critical';
  const away = parked(workload, t);
  const waits = !critical && !away && noise(33, t, 0.4) > 0.6;
  const closes = critical && workload.gpu === 0 && hash(3, t * 5, workload.index) < workload.ratio * 1.5;
  const label = workload.gpu ? 'estimated' : 'measured';
  const reasons = away
    ? [{ change: 'park', why: 'idle for 60 s, and train waits for 14 GiB' }]
    : critical ? [{ change: 'slice 20000 us', why: 'latency-critical: longest slice, it preempts' },
                  { change: 'linger 140 us', why: '62 % of its gaps are shorter' }]
      : [{ change: 'slice 1000 us', why: 'beside latency-critical serve: gives way within 1 ms' },
         { change: 'gate', why: 'closed by serve for 18 % of the last second' }];
  return {
    gpu: UUIDS[workload.gpu], workload: workload.workload, name: workload.name, user: workload.user,
    class: workload.class, weight: workload.weight, min_share: null, max_share: null,
    state: away ? 'parked' : 'running',
    memory_limit_bytes: workload.limit && workload.limit * GIB, latency_target_us: workload.target,
    containers: workload.containers, pids: workload.pids,
    now: { holds_gpu: !away && hash(3, t * 5, workload.index) < workload.ratio * 1.5, waits,
           gate_closed: closes, slice_us: away ? 0 : critical ? 20000 : 1000 },
    rates: { gpu_ratio: figure(ratioOf(workload, t), label), wait_ratio: figure(waitOf(workload, t), 'estimated'),
             launches_per_second: figure(launchesOf(workload, t)),
             context_switches_per_second: figure(workload.gpu ? null : 40 * noise(7, t, 3)) },
    figures: { memory_bytes: figure(memoryOf(workload, t)),
               memory_peak_bytes: figure(workload.memory * GIB), burst_p50_us: figure(p50Of(workload, t)),
               burst_p99_us: figure(p99Of(workload, t)),
               gpu_seconds: figure((t % 1e5) * workload.ratio, label),
               gpu_wait_seconds: figure((t % 1e5) * waitOf(workload, 0), 'estimated'),
               launches: figure(Math.round((t % 1e5) * 1000)), bursts: figure(critical ? Math.round(t % 1e5) * 14 : null),
               slice_us: figure(critical ? 20000 : 1000, 'granted'), refusals: figure(0),
               parks: figure(workload.name === 'notebook' ? 11 : 0), preemptions: figure(critical ? Math.round(t % 1e5) : 0) },
    sessions: workload.pids.map((pid, n) => ({ session: workload.index * 10 + n, pid, program: 'python3',
      slice_us: critical ? 20000 : 1000, waits_for_turn: !critical, turn_open: !critical, flags: critical ? ['hints'] : [] })),
    reasons,
  };
}

const daemonAt = (t) => ({
  pid: 2210, version: '0.5.0', user: 0, policy: 'priority', backend: 'slices', slices: 'proven',
  slices_why: 'measured on this GPU', gpu_time: 'measured', uptime_s: t % 1e6,
  figures: { gpu_seconds: figure((t % 1e6) * 0.9), other_seconds: figure((t % 1e6) * 0.004),
             idle_seconds: figure((t % 1e6) * 0.08), switching_seconds: figure((t % 1e6) * 0.016),
             context_switches_per_s: figure(180 + 60 * noise(4, t, 3)) },
});

function gpuAt(gpu, t, mode) {
  const error = mode === 'error';
  const of = Object.fromEntries(Object.entries(GPU_SERIES).map(([name, f]) => [name, f(gpu, t)]));
  const mig = { enabled: true, slots: 8, instances: [
    { gpu_instance: 1, compute_instance: 0, uuid: 'MIG-1b6f', profile: '3g.40gb', memory_bytes: 40 * GIB, start: 0, size: 4 },
    { gpu_instance: 5, compute_instance: 0, uuid: 'MIG-77c0', profile: '2g.20gb', memory_bytes: 20 * GIB, start: 4, size: 2 },
    { gpu_instance: 13, compute_instance: 0, uuid: 'MIG-e41d', profile: '1g.10gb', memory_bytes: 10 * GIB, start: 6, size: 1 }] };
  return {
    uuid: UUIDS[gpu], index: gpu, name: gpu ? 'NVIDIA A100-SXM4-80GB' : 'NVIDIA H200',
    pci_bus_id: gpu ? '0000:4E:00.0' : '0000:19:00.0', memory_bytes: (gpu ? 80 : 141) * GIB,
    ...of, memory_utilization: of.dram_active * 0.8, sm_occupancy: of.sm_active * 0.6,
    utilization: gpu ? null : of.utilization, power_limit_watts: gpu ? 400 : 700,
    memory_temperature_celsius: of.temperature_celsius + 9, memory_clock_hz: gpu ? 1.593e9 : 3.201e9,
    throttle_reasons: of.power_watts > 640 || mode === 'stale' ? ['sw-power-cap', 'gpu-idle'] : [],
    last_xid: error && gpu ? { xid: 79, at: t - 42 } : null,
    error: error && gpu ? 'GPU is lost: it does not answer on the bus since 42 s; drain the node' : null,
    mode: gpu ? 'mig' : 'managed', mig: gpu ? mig : null,
    mps: gpu ? { servers: [{ pid: 60100, user: 1001 }], clients: [60244, 60301] } : null,
    daemon: gpu ? null : daemonAt(t),
    processes: [...on(gpu).flatMap((w) => w.pids.map((pid, n) => processOf(w, pid, n, t))),
      ...(gpu ? [outsider(60301, 'python3', 'dave', 6 * GIB, { gpu_instance: 5, mps: true }),
                 outsider(60410, 'ffmpeg', 'dave', 2 * GIB, { gpu_instance: 13 })]
        : [outsider(1822, 'nvidia-persistenced', 'root', null, { sm_utilization: null }),
           outsider(33120, 'blender', 'erin', 1.6 * GIB)])],
  };
}

export function snapshotAt(t, { mode, replay }) {
  const empty = mode === 'empty';
  return {
    schema: 1, at: t, node: nodeAt(t, mode), replay,
    gpus: empty ? [] : [0, 1].map((gpu) => gpuAt(gpu, t, mode)),
    containers: empty ? [] : CONTAINERS,
    workloads: empty ? [] : WORKLOADS.map((workload) => workloadAt(workload, t)),
  };
}

export const nodeAt = (t, mode) => ({
  hostname: 'gpu-node-07', version: '0.5.0', driver: mode === 'empty' ? null : '580.95.05', simulated: mode !== 'empty',
  collector: { hz: 10, cpu_ratio: 0.006, last_success: t - (mode === 'stale' ? 120.05 : 0.05),
               errors: mode === 'error' ? ['NVML: GPU 1 does not answer (GPU is lost)'] : [] } });

const SAYINGS = [
  ['info', 'join', 'finetune joined (pid 51900)', 3], ['info', 'park', 'notebook parked: 14 GiB moved in 1.9 s', 4],
  ['warning', 'refused', 'an allocation of 12 GiB was refused: limit 64 GiB', 2],
  ['info', 'settings', 'quantum_ms 40 (was 24), by root', null], ['info', 'resume', 'notebook is back after 45 s', 4],
  ['warning', 'gate-opened', 'the gate of serve was opened after 5 s: its holder was silent', 0],
  ['error', 'xid', 'XID 31: memory page fault of pid 51900', 3], ['info', 'leave', 'sweep ended (exit code 0)', 5]];

/** Event `seq` happened at seq x 11 s. */
export const EVENT_S = 11;
export function eventAt(seq) {
  const [severity, kind, text, index] = SAYINGS[Math.floor(hash(21, seq) * SAYINGS.length)];
  const workload = index === null ? null : WORKLOADS[index];
  return { seq, at: seq * EVENT_S + 3 * hash(22, seq), gpu: UUIDS[workload?.gpu ?? 0], workload: workload?.workload ?? null,
           severity, kind, text };
}
