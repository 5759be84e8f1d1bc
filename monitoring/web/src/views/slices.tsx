import { SliceChart } from '../timeline/chart';
import { gpuOf, useAppState } from '../ui/context';
import { Panel } from '../ui/parts';

export function SliceView() {
  const { snapshot, gpu: chosen } = useAppState();
  const gpu = gpuOf(snapshot, chosen)!;
  return <Panel title={`GPU ${gpu.index}: who had it when`} wide>
    <SliceChart key={gpu.uuid} gpu={gpu} seconds={2} />
    <p class="hint">Wheel or pinch zooms, drag moves; with the chart focused: arrows, + and −, comma
      and full stop step through blocks, space pauses, End goes live. Measured lanes are read from the
      driver's record of context switches; granted ones are what corund ordered.</p>
  </Panel>;
}
