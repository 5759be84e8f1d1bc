// The lanes of one GPU: what the server sent for a window of time, and what the stream has added.
import type { Kind, Label, SliceBlock, Slices } from '../api/contract';
import { Track, codeOf } from './track';
import type { View } from './scale';

/** Which of a lane's tracks a block belongs to: they may overlap, blocks of one do not. */
export const LAYERS = ['turn', 'ran', 'wait', 'gate'] as const;
export type Layer = (typeof LAYERS)[number];
export const layerOf = (kind: Kind): Layer =>
  kind === 'turn' || kind === 'wait' || kind === 'gate' ? kind : 'ran';

export interface ChartLane {
  workload: string; name: string; class: string; source: Label; tracks: Record<Layer, Track>;
}

export const nameOf = (workload: string): string =>
  workload === '' ? 'other processes' : workload.slice(workload.indexOf('/') + 1);

/** Blocks of the live stream that a lane keeps at most. */
const KEPT = 400000;

export const emptyLane = (workload: string, name: string, kind: string, source: Label): ChartLane => ({
  workload, name, class: kind, source,
  tracks: { turn: new Track(), ran: new Track(), wait: new Track(), gate: new Track() },
});

/** Times in here are relative to `base`, so that doubles hold nanoseconds. */
export class LaneSet {
  lanes: ChartLane[] = [];
  base = 0;
  /** What is known, at which grain: blocks shorter than `grain` seconds may be merged. */
  from = 0;
  to = 0;
  grain = 0;
  blocks = 0;

  /** `order`: workloads that have a lane in any case, and come first. */
  load(answer: Slices, px: number, order: ChartLane[] = []): void {
    this.base = answer.from;
    this.from = answer.from;
    this.to = answer.to;
    this.blocks = 0;
    let exact = !answer.truncated;
    const told = answer.lanes.map((lane) => {
      const made = emptyLane(lane.workload, lane.name, lane.class, lane.source);
      for (const [begin, end, what, coverage] of lane.blocks) {
        if (coverage < 1 || what === 'mixed') exact = false;
        made.tracks[layerOf(what)].add(begin, end, codeOf(what), coverage);
      }
      this.blocks += lane.blocks.length;
      return made;
    });
    const first = order.map((lane) => told.find((one) => one.workload === lane.workload) ?? lane);
    this.lanes = [...first, ...told.filter((lane) => !first.includes(lane))];
    this.grain = exact ? 0 : (answer.to - answer.from) / px;
  }

  /** Adds what became known; `now` is the server's time up to which all is known then. */
  append(gpu: string, blocks: SliceBlock[], now: number): void {
    if (this.base === 0) return; // nothing is loaded yet: the answer will bring them
    for (const block of blocks) {
      if (block.gpu !== gpu || block.workload === null) continue;
      const lane = this.laneOf(block.workload, block.label);
      const track = lane.tracks[layerOf(block.what)];
      const part = (block.seconds ?? Infinity) / (block.end - block.begin);
      const whole = part > 0.999 || !(block.what === 'gate' || block.what === 'share');
      track.add(block.begin - this.base, block.end - this.base, codeOf(block.what), whole ? 1 : part);
      if (track.size > KEPT) track.forgetBefore(track.begin[track.size >> 2]!);
    }
    if (now > this.to) this.to = now;
  }

  private laneOf(workload: string, label: Label): ChartLane {
    const known = this.lanes.find((lane) => lane.workload === workload);
    if (known) return known;
    const lane = emptyLane(workload, nameOf(workload), 'normal', label);
    this.lanes.push(lane);
    return lane;
  }

  /** Whether `view` can be drawn from what is here, `width` pixels wide. */
  covers(view: View, width: number): boolean {
    const known = view.from >= this.from - 1e-6 && view.to <= this.to + 1e-6;
    return known && this.grain <= ((view.to - view.from) / width) * 1.5;
  }
}
