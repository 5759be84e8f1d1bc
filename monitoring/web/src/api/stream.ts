// The event stream, which comes back by itself: 0.5 s after it broke, then twice as long each
// time, up to 15 s.

export type Link =
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'lost'; since: number; tries: number; next: number };

export const backoffMs = (tries: number): number => Math.min(15000, 500 * 2 ** Math.min(tries, 10));

export interface StreamHandlers {
  on: Record<string, (data: unknown) => void>;
  link: (link: Link) => void;
}

/** A stream that says nothing for this long is as good as gone. */
const SILENT_MS = 10000;

/** Opens the stream; the returned function ends it for good. `retryNow` of it skips a wait. */
export function openStream(url: string, handlers: StreamHandlers):
    { close: () => void; retryNow: () => void } {
  let source: EventSource | null = null;
  let timer = 0;
  let watch = 0;
  let tries = 0;
  let since = 0;
  let closed = false;

  const heard = (): void => {
    clearTimeout(watch);
    watch = window.setTimeout(lost, SILENT_MS);
  };
  function lost(): void {
    source?.close();
    clearTimeout(watch);
    clearTimeout(timer);
    if (closed) return;
    since = since || Date.now();
    const wait = backoffMs(tries++);
    handlers.link({ state: 'lost', since, tries, next: Date.now() + wait });
    timer = window.setTimeout(connect, wait);
  }
  function connect(): void {
    clearTimeout(timer);
    source = new EventSource(url);
    source.onerror = lost;
    source.onopen = () => {
      tries = 0;
      since = 0;
      handlers.link({ state: 'live' });
      heard();
    };
    for (const [name, handle] of Object.entries(handlers.on)) {
      source.addEventListener(name, (event) => {
        heard();
        handle(JSON.parse((event as MessageEvent<string>).data));
      });
    }
  }
  handlers.link({ state: 'connecting' });
  connect();
  return {
    close: () => { closed = true; lost(); },
    retryNow: () => { source?.close(); tries = 0; connect(); },
  };
}
