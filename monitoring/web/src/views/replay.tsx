// A recording instead of a live node: play, pause, seek, speed.
import { useState } from 'preact/hooks';
import { steerReplay } from '../api/client';
import type { Replay } from '../api/contract';
import { usePage } from '../ui/context';
import { dateTime, duration } from '../format';

export function ReplayBar({ replay }: { replay: Replay }) {
  const { feed } = usePage();
  const [error, setError] = useState('');
  const steer = (values: Parameters<typeof steerReplay>[0]): void => {
    if (values.at !== undefined) feed.clear();
    steerReplay(values).then(() => setError(''), (failed: Error) => setError(failed.message));
  };
  return <section class="replay" aria-label="Replay">
    <button type="button" class="primary" onClick={() => steer({ paused: !replay.paused })}>
      {replay.paused ? 'Play' : 'Pause'}</button>
    <input type="range" aria-label="Time of the recording" min={replay.from} max={replay.to} step="0.1"
      value={replay.at} aria-valuetext={dateTime(replay.at)}
      onChange={(event) => steer({ at: Number(event.currentTarget.value) })} />
    <select aria-label="Speed" value={String(replay.speed)}
      onChange={(event) => steer({ speed: Number(event.currentTarget.value) })}>
      {[0.1, 0.5, 1, 2, 5, 10, 60].map((speed) => <option key={speed} value={speed}>×{speed}</option>)}
    </select>
    <span class="file">{replay.file}</span>
    <span class="muted">{dateTime(replay.at)} · {duration(replay.at - replay.from)} of {duration(replay.to - replay.from)}</span>
    {error && <span class="say bad" role="status">{error}</span>}
  </section>;
}
