// What stands under the pointer, or at the cursor of the keyboard: what, when, how long, and why.
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Workload } from '../api/contract';
import { clock, decision, duration, percent } from '../format';
import type { ChartController } from './controller';
import { blocksAt, laneTop } from './paint';
import { span } from './scale';

/** `lane` -1 is the GPU's own. A cursor of the keyboard stays at its time, the pointer's at its x. */
export interface Cursor { lane: number; time: number; x: number; byKey: boolean }

export const timeOf = (cursor: Cursor, { view, width }: ChartController): number =>
  cursor.byKey ? cursor.time : view.from + (cursor.x / width) * span(view);

const SAYS: Record<string, string> = {
  run: 'ran', share: 'ran (estimated)', turn: 'had its turn', switch: 'the GPU switched contexts',
  mixed: 'several, too short to tell apart', idle: 'idle', gate: 'kept its gate closed', wait: 'waited',
  parked: 'parked in host memory',
};

/** The decisions that explain a block are those of the present: older ones are in `corun trace`. */
const PRESENT_S = 30;

/** Keeps `top` such that all of the element is inside of its box; above it with `up`. */
function useRoom(top: number, up: boolean) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { offsetHeight, parentElement, style } = element.current!;
    const wanted = up ? top - offsetHeight : top;
    style.top = `${Math.max(0, Math.min(wanted, parentElement!.clientHeight - offsetHeight))}px`;
  });
  return element;
}

export const Tooltip = (props: {
  cursor: Cursor | null; controller: ChartController; workloads: Workload[] }) =>
  props.cursor && <Explained {...props} cursor={props.cursor} />;

function Explained({ cursor, controller, workloads }: {
  cursor: Cursor; controller: ChartController; workloads: Workload[] }) {
  const { set, view, width } = controller;
  const at = timeOf(cursor, controller);
  const time = at - set.base;
  const slack = (span(view) / width) * 2;
  const shown = cursor.lane < 0 ? set.lanes : set.lanes.slice(cursor.lane, cursor.lane + 1);
  const found = shown.flatMap((lane) => blocksAt(lane, time, slack)
    .filter((block) => cursor.lane >= 0 || block.kind === 'run' || block.kind === 'share')
    .map((block) => ({ ...block, lane })));
  const x = ((at - view.from) / span(view)) * width;
  // In the lower half it stands above its lane: below there is no room.
  const up = cursor.lane >= set.lanes.length / 2;
  const element = useRoom(laneTop(cursor.lane, controller.rows) + (up ? 0 : 8), up);
  const one = cursor.lane >= 0 ? set.lanes[cursor.lane] : undefined;
  const known = workloads.find((workload) => workload.workload === one?.workload);
  const fresh = known && set.to - at < PRESENT_S;
  return <>
    <span class="cross" style={{ transform: `translateX(${Math.round(x)}px)` }} />
    <div ref={element} class={`tip${x > width * 0.6 ? ' left' : ''}`}
      role={cursor.byKey ? 'status' : 'tooltip'} style={{ transform: `translateX(${Math.round(x)}px)` }}>
      <b>{one?.name ?? 'GPU'}</b> <span class="muted">{clock(at, 4)}</span>
      {found.length === 0 && <p>idle</p>}
      {found.map((block, i) => <p key={i}>
        {cursor.lane < 0 && <b>{block.lane.name} </b>}{SAYS[block.kind] ?? block.kind}
        {' '}<b>{duration(block.end - block.begin)}</b>
        {block.share < 0.999 && <> ({percent(block.share)} of it)</>}
        <span class="muted"> from {clock(block.begin + set.base, 4)}</span>
      </p>)}
      {fresh && known.reasons.slice(0, 2).map(decision).map(([what, why]) =>
        <p class="why" key={what}>{what}: {why}</p>)}
    </div>
  </>;
}
