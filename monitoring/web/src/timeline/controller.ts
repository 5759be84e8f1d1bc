// The chart's state beside the page's: what is in view, what is loaded, and when to draw. It knows
// no markup; chart.tsx shows it.
import { ApiError, getSlices } from '../api/client';
import type { SliceBlock } from '../api/contract';
import { LaneSet, type ChartLane } from './lanes';
import { ROWS } from './paint';
import { around, follow, pan, span, zoom, type View } from './scale';

const REQUEST_AFTER_MS = 90;
const TELL_EVERY_MS = 150;
/** The server thins out to 10000 pixels at most. */
const MOST_PX = 10000;

export interface Surroundings {
  gpu: string;
  now: () => number;
  /** Slices are told a moment after they happened: the live view ends that much before now. */
  lag: () => number;
  /** Empty lanes of the workloads there are, in their order. */
  lanes: () => ChartLane[];
  recent: (since: number) => SliceBlock[];
  draw: () => void;
  changed: () => void;
}

export class ChartController {
  readonly set = new LaneSet();
  view: View;
  live = true;
  width = 800;
  rows = ROWS.full;
  error = '';
  loading = false;
  private told: View | null = null;
  private toldAtMs = 0;
  private timer = 0;
  private request: AbortController | null = null;

  constructor(private readonly world: Surroundings, seconds: number) {
    this.view = follow(world.now() - world.lag(), seconds);
  }

  /** Before each frame: the live view moves on. */
  tick(): void {
    if (this.live) this.view = follow(this.world.now() - this.world.lag(), span(this.view));
    this.ensure();
  }

  move(view: View, stop = true): void {
    const ahead = view.to - (this.world.now() + span(view) * 0.5);
    this.view = ahead > 0 ? pan(view, -ahead) : view;
    if (stop) this.setLive(false);
    this.ensure();
    this.world.draw();
  }
  zoomBy(factor: number, anchor: number): void {
    this.move(zoom(this.view, factor, this.live ? 1 : anchor), false);
    this.world.changed();
  }
  panBy(share: number): void { this.move(pan(this.view, span(this.view) * share)); }
  showSpan(seconds: number): void {
    const middle = (this.view.from + this.view.to) / 2;
    this.move(this.live ? follow(this.world.now() - this.world.lag(), seconds) : around(middle, seconds), false);
    this.world.changed();
  }
  setLive(live: boolean): void {
    if (this.live === live) return;
    this.live = live;
    if (live) this.tick();
    this.world.draw();
    this.world.changed();
  }

  append(blocks: SliceBlock[]): void {
    this.set.append(this.world.gpu, blocks, this.world.now());
    if (!this.live) this.world.draw();
  }

  /** Time relative to the loaded base. */
  relative(): View {
    return { from: this.view.from - this.set.base, to: this.view.to - this.set.base };
  }

  /** Tells the markup where the view is, not more often than it can show; whether it has been told. */
  tellMoves(nowMs: number): boolean {
    if (this.live || this.told === this.view) return true;
    if (nowMs - this.toldAtMs < TELL_EVERY_MS) return false;
    this.told = this.view;
    this.toldAtMs = nowMs;
    this.world.changed();
    return true;
  }

  /** Asks for what is in view and not known finely enough, a moment later. */
  private ensure(): void {
    if (this.timer || this.loading) return;
    const to = Math.min(this.view.to, this.world.now() - this.world.lag());
    const from = Math.min(this.view.from, to - 1e-3);
    if (this.set.to > 0 && this.set.covers({ from, to }, this.width)) return;
    this.timer = window.setTimeout(() => { this.timer = 0; void this.load(); },
                                   this.set.to > 0 ? REQUEST_AFTER_MS : 0);
  }

  private async load(): Promise<void> {
    const wide = span(this.view);
    const to = Math.min(this.view.to + wide, this.world.now());
    const from = Math.min(this.view.from - wide, to - wide);
    const px = Math.min(MOST_PX, Math.round(this.width * ((to - from) / wide)));
    this.request = new AbortController();
    this.loading = true;
    try {
      const answer = await getSlices(this.world.gpu, from, to, px, this.request.signal);
      this.set.load(answer, px, this.world.lanes());
      this.set.append(this.world.gpu, this.world.recent(answer.to - 1), answer.to);
      this.error = '';
    } catch (error) {
      if (this.request.signal.aborted) return;
      this.error = error instanceof ApiError ? error.message : String(error);
      this.timer = window.setTimeout(() => { this.timer = 0; this.world.draw(); }, 3000);
    } finally {
      this.loading = false;
    }
    this.world.draw();
    this.world.changed();
  }

  close(): void {
    clearTimeout(this.timer);
    this.request?.abort();
  }
}
