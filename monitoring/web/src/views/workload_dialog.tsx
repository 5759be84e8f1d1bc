// One workload: its figures, the decisions about it, and the levers.
import { useEffect, useRef } from 'preact/hooks';
import type { Workload } from '../api/contract';
import { colourVar } from '../ui/context';
import { Source, Swatch } from '../ui/parts';
import { bytes, count, decision, digits, duration, micros, percent, rate } from '../format';
import { Levers } from './levers';

/** A figure of the control API, by the unit at the end of its name. */
export function showFigure(name: string, value: number | null): string {
  if (name.endsWith('_bytes')) return bytes(value);
  if (name.endsWith('_us')) return micros(value);
  if (name.endsWith('_seconds')) return duration(value);
  if (name.endsWith('_per_second')) return rate(value);
  if (name.endsWith('_ratio') || name === 'gpu_utilization') return percent(value);
  if (value !== null && !Number.isInteger(value)) return digits(value);
  return count(value);
}
const words = (name: string): string => {
  if (name === 'gpu_seconds') return 'GPU time';
  return name.replace(/_(us|bytes|seconds)$/, '').replaceAll('_', ' ').replace(/\bgpu\b/, 'GPU');
};

function Figures({ workload }: { workload: Workload }) {
  const all = Object.entries({ ...workload.rates, ...workload.figures });
  const unknown = all.filter(([, figure]) => figure.value === null).map(([name]) => words(name));
  return <>
    <dl class="figures">
      {all.filter(([, figure]) => figure.value !== null).map(([name, figure]) =>
        <div key={name}><dt>{words(name)}</dt>
          <dd>{showFigure(name, figure.value)} <Source label={figure.label} /></dd></div>)}
    </dl>
    {unknown.length > 0 && <p class="hint">Not known here: {unknown.join(', ')}.</p>}
  </>;
}

const Sessions = ({ workload }: { workload: Workload }) =>
  <ul class="plain">
    {workload.sessions.map((session) => <li key={String(session['session'])}>
      pid {String(session['pid'])} <span class="muted">{String(session['program'] ?? '')}</span>
      {' '}slice {micros(Number(session['slice_us'] ?? 0))}
      {(session['flags'] as string[] | undefined)?.map((flag) => <span key={flag}> · {flag}</span>)}
    </li>)}
  </ul>;

export function WorkloadDialog({ workload, close }: { workload: Workload; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    element.addEventListener('close', close);
    return () => element.removeEventListener('close', close);
  }, []);
  return <dialog ref={dialog} class="drawer" aria-label={`Workload ${workload.name}`}
    onClick={(event) => { if (event.target === dialog.current) dialog.current!.close(); }}>
    <div class="inner">
      <header><h2><Swatch colour={colourVar(workload.gpu, workload.workload)} />{workload.workload}</h2>
        <button type="button" class="close" aria-label="Close" onClick={() => dialog.current!.close()}>✕</button>
      </header>
      <section><h3>Why it gets what it gets</h3>
        <ul class="reasons">
          {workload.reasons.map(decision).map(([what, why]) =>
            <li key={what}><b>{what}</b> {why}</li>)}
          {workload.reasons.length === 0 && <li class="muted">No decision about it so far.</li>}
        </ul></section>
      <section><h3>Change it</h3><Levers workload={workload} /></section>
      <section><h3>Figures</h3><Figures workload={workload} /></section>
      <section><h3>Sessions</h3><Sessions workload={workload} /></section>
    </div>
  </dialog>;
}
