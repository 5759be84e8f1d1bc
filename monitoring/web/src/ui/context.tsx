// What all views share: the store, the theme, colours of workloads.
import { createContext } from 'preact';
import { useContext, useEffect, useLayoutEffect, useReducer, useState } from 'preact/hooks';
import type { SliceBlock, Snapshot } from '../api/contract';
import type { State, Store, Theme } from '../state/store';

/** Slices go to charts directly: they are many, and only charts want them. */
export class SliceFeed {
  private listeners = new Set<(blocks: SliceBlock[]) => void>();
  private recent: SliceBlock[] = [];
  push(blocks: SliceBlock[]): void {
    this.recent = [...this.recent, ...blocks].slice(-20000);
    for (const listener of this.listeners) listener(blocks);
  }
  /** The last blocks, for a chart whose window was asked for a moment ago. */
  since(time: number): SliceBlock[] { return this.recent.filter((block) => block.end > time); }
  clear(): void { this.recent = []; }
  subscribe(listener: (blocks: SliceBlock[]) => void): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }
}

export interface Page { store: Store; feed: SliceFeed; retryNow: () => void }
export const PageContext = createContext<Page>(null as unknown as Page);
export const usePage = (): Page => useContext(PageContext);

export function useAppState(): State {
  const { store } = usePage();
  const [, again] = useReducer((n: number) => n + 1, 0);
  useLayoutEffect(() => store.subscribe(() => again(undefined as never)), [store]);
  return store.state;
}

export const readTheme = (): Theme => {
  const kept = localStorage.getItem('corun-theme');
  return kept === 'light' || kept === 'dark' ? kept : 'auto';
};
const themeListeners = new Set<() => void>();
export function applyTheme(theme: Theme): void {
  if (theme === 'auto') {
    localStorage.removeItem('corun-theme');
    delete document.documentElement.dataset['theme'];
  } else {
    localStorage.setItem('corun-theme', theme);
    document.documentElement.dataset['theme'] = theme;
  }
  for (const listener of themeListeners) listener();
}

/** Grows with every change of the theme: what paints by itself paints again. */
export function useThemeVersion(): number {
  const [version, again] = useReducer((n: number, _: void) => n + 1, 0);
  useEffect(() => {
    const told = (): void => again();
    const media = matchMedia('(prefers-color-scheme: dark)');
    themeListeners.add(told);
    media.addEventListener('change', told);
    return () => { themeListeners.delete(told); media.removeEventListener('change', told); };
  }, []);
  return version;
}
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export const reducedMotion = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

const COLOURS = 8;
const given = new Map<string, number>();
/** Colour number of a workload, the same in every view, in the order of appearance. */
export function colourIndex(gpu: string, workload: string): number {
  const key = `${gpu} ${workload}`;
  let index = given.get(key);
  if (index === undefined) {
    index = [...given.keys()].filter((one) => one.startsWith(gpu)).length % COLOURS;
    given.set(key, index);
  }
  return index;
}
export const colourVar = (gpu: string, workload: string): string =>
  workload ? `var(--w${colourIndex(gpu, workload)})` : 'var(--other)';

export function useRoute(): string {
  const read = (): string => location.hash.replace(/^#\/?/, '') || 'overview';
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const moved = (): void => setRoute(read());
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return route;
}

/** Calls `load` now and each `seconds`, while the page is seen. */
export function usePoll(load: () => void, seconds: number, inputs: unknown[]): void {
  useEffect(() => {
    load();
    const timer = setInterval(() => { if (!document.hidden) load(); }, seconds * 1000);
    return () => clearInterval(timer);
  }, inputs);
}

export const gpuOf = (snapshot: Snapshot | null, uuid: string | null) =>
  snapshot?.gpus.find((gpu) => gpu.uuid === uuid) ?? null;
export const workloadsOf = (snapshot: Snapshot | null, uuid: string | null) =>
  snapshot?.workloads.filter((workload) => workload.gpu === uuid) ?? [];
