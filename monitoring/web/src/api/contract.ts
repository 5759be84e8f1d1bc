// The live API of `corun serve`, as docs/live-api.md tells it. Times are unix seconds; what is not
// known is null.

export type Label = 'measured' | 'granted' | 'estimated';
export interface Figure { value: number | null; label: Label }

export const KINDS =
  ['run', 'share', 'turn', 'switch', 'mixed', 'idle', 'gate', 'wait', 'parked'] as const;
export type Kind = (typeof KINDS)[number];

export interface MigInstance {
  gpu_instance: number; compute_instance: number; uuid: string; profile: string;
  memory_bytes: number; start: number; size: number;
}
export interface Process {
  pid: number; name: string; command: string; user: string; memory_bytes: number | null;
  sm_utilization: number | null; mps: boolean; gpu_instance: number | null;
  container: string | null; workload: string | null; started: number | null;
}
export interface Daemon {
  pid: number; version: string; user: number; policy: string; backend: string; slices: string;
  slices_why: string; gpu_time: string; uptime_s: number; figures: Record<string, Figure>;
}
export interface Gpu {
  uuid: string; index: number; name: string; pci_bus_id: string; memory_bytes: number;
  memory_used_bytes: number | null; utilization: number | null;
  memory_utilization: number | null; sm_active: number | null; sm_occupancy: number | null;
  tensor_active: number | null; dram_active: number | null; power_watts: number | null;
  power_limit_watts: number | null; energy_joules: number | null;
  temperature_celsius: number | null; memory_temperature_celsius: number | null;
  sm_clock_hz: number | null; memory_clock_hz: number | null;
  pcie_rx_bytes_per_second: number | null; pcie_tx_bytes_per_second: number | null;
  throttle_reasons: string[]; last_xid: null | { xid: number; at: number }; error: string | null;
  mode: string;
  mig: null | { enabled: boolean; slots: number; instances: MigInstance[] };
  mps: null | { servers: { pid: number; user: number }[]; clients: number[] };
  daemon: null | Daemon; processes: Process[];
}
export interface Container {
  id: string; short_id: string; runtime: string; name: string | null; image: string | null;
  pod: null | { uid: string; name: string | null; namespace: string | null };
}
export interface Reason { change: string; why: string }
export interface Workload {
  gpu: string; workload: string; name: string; user: string; class: string; weight: number;
  min_share: number | null; max_share: number | null; state: string;
  memory_limit_bytes: number | null; latency_target_us: number | null; containers: string[];
  pids: number[];
  /** `gate_closed`: the gate that it closes itself, so that others wait. */
  now: { holds_gpu: boolean; waits: boolean; gate_closed: boolean; slice_us: number | null };
  rates: Record<string, Figure>; figures: Record<string, Figure>;
  burst_lengths?: null | { bounds_us: number[]; counts: number[]; sum_us: number };
  sessions: Record<string, unknown>[]; reasons: Reason[];
}
export interface Replay {
  file: string; from: number; to: number; at: number; speed: number; paused: boolean;
}
export interface Node {
  hostname: string; version: string; driver: string | null; simulated: boolean;
  collector: { hz: number; cpu_ratio: number | null; last_success: number | null; errors: string[] };
}
export interface Snapshot {
  schema: number; at: number; node: Node; replay: Replay | null; gpus: Gpu[];
  containers: Container[]; workloads: Workload[];
}
export type Severity = 'info' | 'warning' | 'error';
export interface Event {
  seq: number; at: number; gpu: string | null; workload: string | null; severity: Severity;
  kind: string; text: string;
}
export type Block = [begin: number, end: number, what: Kind, coverage: number];
export interface Lane {
  workload: string; name: string; class: string; source: Label; blocks: Block[];
}
export interface Slices {
  schema: number; gpu: string; from: number; to: number; lanes: Lane[]; truncated: boolean;
}
export interface SliceBlock {
  /** `workload` "": processes that are none. `seconds`: how much of it, where that is told. */
  gpu: string; workload: string | null; begin: number; end: number; what: Kind; label: Label;
  seconds?: number;
}
export interface Series {
  name: string; workload: string | null; unit: string; label: Label;
  t: number[]; min: (number | null)[]; mean: (number | null)[]; max: (number | null)[];
}
export interface SeriesAnswer { schema: number; step: number; from: number; series: Series[] }
export interface Report { name: string; created: number; mix: string; modes: string[]; href: string }
export interface Hello { schema: number; node: Node; replay: Replay | null }
