// Series over a chosen span: memory by workload, latency against its target, throughput, the GPU.
import { useMemo, useState } from 'preact/hooks';
import { ApiError, getSeries } from '../api/client';
import type { Gpu, Series, SeriesAnswer, Workload } from '../api/contract';
import { align, stack } from '../charts/align';
import { Plot, type Line } from '../charts/plot';
import { serverNow } from '../state/store';
import { colourIndex, gpuOf, useAppState, usePage, usePoll, workloadsOf } from '../ui/context';
import { Panel } from '../ui/parts';
import { byteRate, bytes, celsius, hertz, micros, percent, rate, watts } from '../format';

const SPANS: [number, string][] = [[60, '1 min'], [300, '5 min'], [1800, '30 min'], [3600, '1 h'],
  [21600, '6 h'], [86400, '1 day']];
const OF_WORKLOADS = ['memory_bytes', 'gpu_ratio', 'wait_ratio', 'burst_p50_us', 'burst_p99_us',
                      'launches_per_second'];
const OF_GPU = ['utilization', 'sm_active', 'tensor_active', 'dram_active', 'power_watts',
                'temperature_celsius', 'sm_clock_hz', 'pcie_rx_bytes_per_second',
                'pcie_tx_bytes_per_second', 'memory_used_bytes'];

interface Loaded { series: Series[]; from: number; to: number }

/** All series of the GPU and its workloads. */
async function load(gpu: string, workloads: Workload[], from: number, to: number): Promise<Series[]> {
  const answers = await Promise.all([getSeries(gpu, OF_GPU, from, to, 400),
    ...workloads.map((workload) => getSeries(gpu, OF_WORKLOADS, from, to, 400, workload.workload))]);
  return answers.flatMap((answer: SeriesAnswer) => answer.series);
}

/** What is known, null before the first answer; and what went wrong with the last. */
function useSeries(gpu: Gpu, workloads: Workload[], seconds: number): [Loaded | null, string] {
  const { store } = usePage();
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [error, setError] = useState('');
  usePoll(() => {
    const to = serverNow(store.state, performance.now());
    load(gpu.uuid, workloads, to - seconds, to).then(
      (series) => { setLoaded({ series, from: to - seconds, to }); setError(''); },
      (failed) => setError(failed instanceof ApiError ? failed.message : String(failed)));
  }, Math.max(1, Math.min(60, seconds / 300)), [gpu.uuid, seconds, workloads.map((workload) => workload.workload).join()]);
  return [loaded, error];
}

const nameOf = (series: Series): string => series.workload?.split('/')[1] ?? series.name;
const colourOf = (gpu: string, series: Series): string =>
  series.workload ? `w${colourIndex(gpu, series.workload)}` : 'other';

function memoryLines(gpu: string, loaded: Loaded): { t: number[]; lines: Line[] } {
  const own = loaded.series.filter((one) => one.name === 'memory_bytes');
  const used = loaded.series.filter((one) => one.name === 'memory_used_bytes');
  const { t, values } = align([...own, ...used]);
  const sums = stack(values.slice(0, own.length));
  const lines = own.map((one, i): Line => ({ name: nameOf(one), colour: colourOf(gpu, one),
    values: sums[i]!, shown: values[i]!, fill: true })).reverse();
  const all = values[own.length];
  return { t, lines: all ? [{ name: 'GPU', colour: 'other', values: all }, ...lines] : lines };
}

function linesOf(gpu: string, loaded: Loaded, names: Record<string, string>):
    { t: number[]; lines: Line[] } {
  const own = loaded.series.filter((one) =>
    one.name in names && one.mean.some((value) => value !== null));
  const { t, values } = align(own);
  return { t, lines: own.map((one, i): Line => ({
    name: [one.workload && nameOf(one), names[one.name]].filter(Boolean).join(' '),
    colour: one.workload ? colourOf(gpu, one) : `w${Object.keys(names).indexOf(one.name)}`,
    values: values[i]!, thin: one.name === 'burst_p50_us',
  })) };
}

/** A level line per latency target. */
function targets(gpu: string, t: number[], workloads: Workload[]): Line[] {
  return workloads.filter((workload) => workload.latency_target_us !== null && t.length > 0)
    .map((workload) => ({ name: `${workload.name} target`, dashed: true,
      colour: `w${colourIndex(gpu, workload.workload)}`, values: t.map(() => workload.latency_target_us) }));
}

function Plots({ gpu, workloads, loaded }: { gpu: Gpu; workloads: Workload[]; loaded: Loaded }) {
  const at = useMemo(() => {
    const of = (names: Record<string, string>) => linesOf(gpu.uuid, loaded, names);
    const latency = of({ burst_p50_us: 'p50', burst_p99_us: 'p99' });
    return {
      memory: memoryLines(gpu.uuid, loaded), ratio: of({ gpu_ratio: '' }), wait: of({ wait_ratio: '' }),
      latency: { t: latency.t, lines: [...latency.lines, ...targets(gpu.uuid, latency.t, workloads)] },
      launches: of({ launches_per_second: '' }),
      use: of({ utilization: 'in use', sm_active: 'SMs', tensor_active: 'tensor cores', dram_active: 'memory' }),
      power: of({ power_watts: 'power' }), heat: of({ temperature_celsius: 'temperature' }),
      clock: of({ sm_clock_hz: 'SM clock' }),
      pcie: of({ pcie_rx_bytes_per_second: 'to the GPU', pcie_tx_bytes_per_second: 'from it' }),
    };
  }, [loaded, gpu.uuid]);
  const all = { from: loaded.from, to: loaded.to };
  return <div class="plots">
    <Plot title="Memory by workload" {...at.memory} {...all} show={bytes} top={gpu.memory_bytes} binary />
    <Plot title="Burst latency and its target" {...at.latency} {...all} show={micros} />
    <Plot title="GPU time by workload" {...at.ratio} {...all} show={percent} top={1} />
    <Plot title="Time spent waiting" {...at.wait} {...all} show={percent} top={1} />
    <Plot title="Throughput (launches)" {...at.launches} {...all} show={rate} />
    <Plot title="Activity" {...at.use} {...all} show={percent} top={1} />
    <Plot title="Power" {...at.power} {...all} show={watts} top={gpu.power_limit_watts ?? undefined} />
    <Plot title="Temperature" {...at.heat} {...all} show={celsius} top={100} />
    <Plot title="Clock" {...at.clock} {...all} show={hertz} />
    <Plot title="PCIe" {...at.pcie} {...all} show={byteRate} />
  </div>;
}

export function Graphs() {
  const { snapshot, gpu: chosen } = useAppState();
  const [seconds, setSeconds] = useState(300);
  const gpu = gpuOf(snapshot, chosen)!;
  const workloads = workloadsOf(snapshot, gpu.uuid);
  const [loaded, error] = useSeries(gpu, workloads, seconds);
  return <Panel title={`GPU ${gpu.index} over time`} wide aside={
    <select aria-label="Span" value={String(seconds)}
      onChange={(event) => setSeconds(Number(event.currentTarget.value))}>
      {SPANS.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
    </select>}>
    {error && <p class="say bad" role="status">{error}</p>}
    {loaded ? <Plots gpu={gpu} workloads={workloads} loaded={loaded} />
      : !error && <p class="hint">Asking for the figures…</p>}
  </Panel>;
}
