// What there is to see when there is nothing to see yet, and what to do then.
import { useAppState } from '../ui/context';
import { Note } from '../ui/parts';

export const Starting = () => {
  const { link } = useAppState();
  return <Note title={link.state === 'lost' ? 'No answer yet' : 'Waiting for the first figures'}>
    <p>The page asks <code>corun serve</code> for the state of this node.</p>
  </Note>;
};

export const NoGpu = () =>
  <Note title="No GPU is seen on this node">
    <p>The driver library (libnvidia-ml.so.1) names none. What to do:</p>
    <ul>
      <li><code>corun doctor</code> says what is missing: driver, device files, or rights.</li>
      <li>In a container, give it the GPU: <code>--gpus all</code>, or its CDI device.</li>
      <li>To see how it looks without one: <code>corun run --gpu simulated -- PROGRAM</code>.</li>
    </ul>
  </Note>;

export const NoDaemon = () =>
  <p class="hint">No corund governs this GPU. <code>corun run --name NAME -- PROGRAM</code> starts one
    with the first workload; <code>corund --gpu 0</code> as root serves all users.</p>;
