// The frame of the page: what is on top, the choice of views, and what is said when the server is
// gone.
import { useEffect, useRef, useState } from 'preact/hooks';
import { eventsSoFar, type Theme } from './state/store';
import { applyTheme, gpuOf, readTheme, useAppState, usePage, useRoute } from './ui/context';
import { Badge } from './ui/parts';
import { NoGpu, Starting } from './views/empty';
import { Events } from './views/events';
import { Graphs } from './views/graphs';
import { Mig } from './views/mig';
import { Overview } from './views/overview';
import { Processes } from './views/processes';
import { ReplayBar } from './views/replay';
import { Reports } from './views/reports';
import { SliceView } from './views/slices';
import { Workloads } from './views/workloads';
import { dateTime, duration } from './format';

const VIEWS: [string, string, () => preact.JSX.Element | null][] = [
  ['overview', 'Overview', Overview], ['slices', 'Time slices', SliceView],
  ['workloads', 'Workloads', Workloads], ['graphs', 'Graphs', Graphs],
  ['processes', 'Processes', Processes], ['mig', 'MIG and MPS', Mig],
  ['events', 'Events', Events], ['reports', 'Reports', Reports],
];
/** Views that show one GPU. */
const OF_A_GPU = new Set(['slices', 'workloads', 'graphs', 'processes']);

function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(readTheme);
  return <select class="theme" aria-label="Colours" value={theme} onChange={(event) => {
    const chosen = event.currentTarget.value as Theme;
    applyTheme(chosen);
    setTheme(chosen);
  }}>
    <option value="auto">Auto</option>
    <option value="light">Light</option>
    <option value="dark">Dark</option>
  </select>;
}

function GpuChoice() {
  const { snapshot, gpu } = useAppState();
  const { store } = usePage();
  if (!snapshot || snapshot.gpus.length < 2) return null;
  return <select aria-label="GPU" value={gpu ?? ''} class="gpu-choice"
    onChange={(event) => store.dispatch({ type: 'gpu', uuid: event.currentTarget.value })}>
    {snapshot.gpus.map((one) =>
      <option key={one.uuid} value={one.uuid}>GPU {one.index} · {one.name}</option>)}
  </select>;
}

function Header({ route }: { route: string }) {
  const nav = useRef<HTMLElement>(null);
  // On a phone not all of them fit: the chosen one is brought into sight.
  useEffect(() => {
    const element = nav.current!;
    const show = (): void => {
      const link = element.querySelector<HTMLElement>('[aria-current]');
      if (link) element.scrollLeft = link.offsetLeft + (link.offsetWidth - element.clientWidth) / 2;
    };
    show();
    addEventListener('resize', show);
    return () => removeEventListener('resize', show);
  }, [route]);
  const state = useAppState();
  const { snapshot, link } = state;
  const bad = eventsSoFar(state).filter((event) => event.severity === 'error').length;
  const node = snapshot?.node;
  return <header class="top">
    <div class="bar">
      <a class="brand" href="#/overview"><img src="./favicon.svg" alt="" width="26" height="26" />corun</a>
      <span class="host">{node?.hostname}</span>
      {node?.simulated && <Badge tone="warn" title="No real GPU is behind these figures">simulated</Badge>}
      <span class={`link ${link.state}`} role="status">
        {link.state === 'live' ? (snapshot?.replay ? 'replay' : 'live') : link.state}</span>
      <span class="grow" />
      {OF_A_GPU.has(route) && <GpuChoice />}
      <ThemeSwitch />
    </div>
    <nav aria-label="Views" ref={nav}>
      {VIEWS.map(([name, title]) =>
        <a key={name} href={`#/${name}`} aria-current={route === name ? 'page' : undefined}>{title}
          {name === 'events' && bad > 0 && <span class="count" title={`${bad} errors`}>{bad}</span>}</a>)}
    </nav>
  </header>;
}

/** The server is gone: since when, and when the page asks again. */
function Lost() {
  const { link, snapshot } = useAppState();
  const { retryNow } = usePage();
  const [now, setNow] = useState(Date.now());
  const lost = link.state === 'lost';
  useEffect(() => {
    if (!lost) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [lost, link]);
  if (link.state !== 'lost') return null;
  const wait = Math.max(0, Math.ceil((link.next - now) / 1000));
  return <div class="banner bad" role="alert">
    <b>The server does not answer.</b> {snapshot && `What you see is of ${dateTime(snapshot.at)}. `}
    Try {link.tries} in {wait} s. Is <code>corun serve</code> running?
    {' '}<button type="button" onClick={retryNow}>Try now</button>
  </div>;
}

function Troubles() {
  const { snapshot } = useAppState();
  if (!snapshot) return null;
  const errors = snapshot.node.collector.errors;
  const late = snapshot.node.collector.last_success !== null && !snapshot.replay
    ? snapshot.at - snapshot.node.collector.last_success : 0;
  if (errors.length === 0 && late < 5) return null;
  return <div class="banner warn" role="alert">
    <b>Not everything can be read.</b> {errors.join(' · ')}
    {late >= 5 && ` The figures are ${duration(late)} old.`}
  </div>;
}

export function App() {
  const { snapshot, gpu } = useAppState();
  const route = useRoute();
  const [name, title, View] = VIEWS.find(([one]) => one === route) ?? VIEWS[0]!;
  useEffect(() => { document.title = `${title} · corun`; }, [title]);
  const none = snapshot && snapshot.gpus.length === 0;
  const shown = !snapshot ? <Starting />
    : none && name !== 'events' && name !== 'reports' ? <NoGpu />
      : OF_A_GPU.has(name) && !gpuOf(snapshot, gpu) ? <NoGpu /> : <View />;
  return <>
    <a class="skip" href="#main" onClick={(event) => {
      event.preventDefault();
      document.getElementById('main')!.focus();
    }}>To the content</a>
    <Header route={name} />
    <Lost />
    <Troubles />
    <main id="main" tabIndex={-1}><h1 class="unseen">{title}</h1>{shown}</main>
    {snapshot?.replay && <ReplayBar replay={snapshot.replay} />}
    <footer>
      {snapshot && <>corun {snapshot.node.version} · driver {snapshot.node.driver ?? 'none'} ·
        {' '}<a href="metrics">metrics</a></>}
    </footer>
  </>;
}
