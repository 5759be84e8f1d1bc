// Requests to the server that gave this page.
import type { Event, Report, SeriesAnswer, Slices } from './contract';

/** What the server said no to: `what` happened and what is `todo`. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly what: string, readonly todo: string) {
    super(todo ? `${what}; ${todo}` : what);
  }
}

const TOKEN = 'corun-token';
export const token = {
  get: (): string => sessionStorage.getItem(TOKEN) ?? '',
  set: (value: string): void => {
    if (value) sessionStorage.setItem(TOKEN, value);
    else sessionStorage.removeItem(TOKEN);
  },
};

async function refuse(response: Response): Promise<never> {
  let what = `the server answers ${response.status}`;
  let todo = '';
  try {
    const error = (await response.json()).error;
    what = error.what ?? what;
    todo = error.todo ?? '';
  } catch { /* no JSON: the status has to do */ }
  throw new ApiError(response.status, what, todo);
}

async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, cache: 'no-store' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'the server does not answer', 'is corun serve still running?');
  }
  if (!response.ok) return refuse(response);
  const text = await response.text();
  return (text ? JSON.parse(text) : {}) as T;
}

const query = (values: Record<string, string | number | undefined>): string =>
  Object.entries(values).filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`).join('&');

export const getSlices = (gpu: string, from: number, to: number, px: number,
                          signal?: AbortSignal): Promise<Slices> =>
  request(`api/v1/slices?${query({ gpu, from, to, px })}`, { signal });

export const getSeries = (gpu: string, names: string[], from: number, to: number,
                          points: number, workload?: string): Promise<SeriesAnswer> =>
  request(`api/v1/series?${query({ gpu, names: names.join(','), from, to, points, workload })}`);

export const getEvents = (since: number): Promise<{ next: number; events: Event[] }> =>
  request(`api/v1/events?${query({ since, limit: 1000 })}`);

export const getReports = async (): Promise<Report[]> =>
  (await request<{ reports: Report[] }>('api/v1/reports')).reports;

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<unknown> =>
  request(path, {
    method: 'POST', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  });

const workloadPath = (workload: string): string =>
  'api/v1/workloads/' + workload.split('/').map(encodeURIComponent).join('/');

export type Change = Record<string, string | number | boolean>;
/** `verb` is '' (set), 'park' or 'resume'. */
export const change = (workload: string, verb: '' | 'park' | 'resume',
                       values: Change): Promise<unknown> =>
  post(workloadPath(workload) + (verb ? `/${verb}` : ''), values,
       { Authorization: `Bearer ${token.get()}` });

export const steerReplay = (values: { at?: number; speed?: number; paused?: boolean }):
  Promise<unknown> => post('api/v1/replay', values);
