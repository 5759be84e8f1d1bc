// Pointer, wheel, pinch and keys, as moves of the chart.
import { useEffect, useRef } from 'preact/hooks';
import type { ChartController } from './controller';
import { laneAt } from './paint';
import { pan, span, zoom } from './scale';
import { timeOf, type Cursor } from './tooltip';

interface Options {
  compact: boolean; cursor: Cursor | null; setCursor: (cursor: Cursor | null) => void;
  again: () => void;
}

export function useGestures(box: { current: HTMLDivElement | null }, controller: ChartController,
                            options: Options): void {
  const latest = useRef(options);
  latest.current = options;
  useEffect(() => {
    const element = box.current!;
    const leave = [
      listen(element, 'wheel', wheel(element, controller, latest), { passive: false }),
      listen(element, 'keydown', keys(controller, latest)),
      listen(element, 'dblclick', (event) =>
        controller.zoomBy(0.4, event.offsetX / controller.width)),
      listen(element, 'blur', () => { if (latest.current.cursor?.byKey) latest.current.setCursor(null); }),
      ...pointers(element, controller, latest),
    ];
    return () => leave.forEach((stop) => stop());
  }, [controller]);
}

function listen<K extends keyof HTMLElementEventMap>(element: HTMLElement, name: K,
    handle: (event: HTMLElementEventMap[K]) => void, options?: AddEventListenerOptions): () => void {
  element.addEventListener(name, handle, options);
  return () => element.removeEventListener(name, handle, options);
}

type Latest = { current: Options };

function wheel(element: HTMLElement, controller: ChartController, latest: Latest) {
  return (event: WheelEvent): void => {
    if (latest.current.compact && !event.ctrlKey) return;
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (sideways) return controller.move(pan(controller.view, (sideways * unit * span(controller.view)) / controller.width));
    const x = event.clientX - element.getBoundingClientRect().left;
    const step = Math.max(-200, Math.min(200, event.deltaY * unit * (event.ctrlKey ? 4 : 1)));
    controller.zoomBy(1.0025 ** step, x / controller.width);
  };
}

/** One pointer drags or shows what is under it; two pinch. */
function pointers(element: HTMLElement, controller: ChartController, latest: Latest): (() => void)[] {
  const down = new Map<number, { x: number; y: number }>();
  let dragged = false;
  const point = (event: PointerEvent) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const show = ({ x, y }: { x: number; y: number }): void => {
    const lane = laneAt(y, controller.set.lanes.length, controller.rows);
    const time = controller.view.from + (x / controller.width) * span(controller.view);
    latest.current.setCursor(lane === null ? null : { lane, time, x, byKey: false });
  };
  const pinch = (moved: number, from: { x: number }, to: { x: number }): void => {
    const other = [...down.entries()].find(([id]) => id !== moved)![1];
    const before = Math.max(10, Math.abs(from.x - other.x));
    const after = Math.max(10, Math.abs(to.x - other.x));
    const anchor = (from.x + other.x) / 2 / controller.width;
    controller.move(zoom(controller.view, before / after, anchor));
  };
  const end = (event: PointerEvent): void => {
    down.delete(event.pointerId);
    if (dragged) controller.setLive(false);
  };
  return [
    listen(element, 'pointerdown', (event) => {
      down.set(event.pointerId, point(event));
      dragged = false;
      element.setPointerCapture(event.pointerId);
    }),
    listen(element, 'pointermove', (event) => {
      const to = point(event);
      const from = down.get(event.pointerId);
      if (!from) return show(to);
      if (!dragged && Math.abs(to.x - from.x) < 4) return;
      dragged = true;
      latest.current.setCursor(null);
      down.set(event.pointerId, to);
      if (down.size > 1) pinch(event.pointerId, from, to);
      else controller.move(pan(controller.view, ((from.x - to.x) * span(controller.view)) / controller.width));
    }),
    listen(element, 'pointerup', (event) => {
      const tapped = !dragged;
      end(event);
      if (tapped) show(point(event));
    }),
    listen(element, 'pointercancel', end),
    // A finger that is lifted leaves too: what it tapped stays explained until the next tap.
    listen(element, 'pointerleave', (event) => {
      if (event.pointerType !== 'touch' && !latest.current.cursor?.byKey) latest.current.setCursor(null);
    }),
  ];
}

function keys(controller: ChartController, latest: Latest) {
  const cursor = (): Cursor => latest.current.cursor ??
    { lane: 0, time: (controller.view.from + controller.view.to) / 2, x: 0, byKey: true };
  const lane = (step: number): void => {
    // The first press goes to the first lane, or to the GPU's.
    const one = latest.current.cursor ?? { ...cursor(), lane: -1 };
    const next = Math.max(-1, Math.min(controller.set.lanes.length - 1, one.lane + step));
    latest.current.setCursor({ ...one, lane: next, byKey: true });
  };
  const moves: Record<string, () => void> = {
    ArrowLeft: () => controller.panBy(-0.1), ArrowRight: () => controller.panBy(0.1),
    PageUp: () => controller.panBy(-0.9), PageDown: () => controller.panBy(0.9),
    '+': () => controller.zoomBy(0.6, 0.5), '=': () => controller.zoomBy(0.6, 0.5),
    '-': () => controller.zoomBy(1 / 0.6, 0.5), End: () => controller.setLive(true),
    ' ': () => controller.setLive(!controller.live),
    ArrowUp: () => lane(-1), ArrowDown: () => lane(1),
    ',': () => step(controller, latest, cursor(), -1), '.': () => step(controller, latest, cursor(), 1),
    Escape: () => latest.current.setCursor(null),
  };
  return (event: KeyboardEvent): void => {
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    move();
    latest.current.again();
  };
}

/** To the next block of the cursor's lane, or the one before; the view follows. */
function step(controller: ChartController, latest: Latest, cursor: Cursor, by: 1 | -1): void {
  controller.setLive(false);
  const { lanes, base } = controller.set;
  const lane = Math.max(0, cursor.lane);
  const track = lanes[lane]?.tracks.ran;
  if (!track || track.size === 0) return;
  const time = timeOf(cursor, controller) - base;
  let at = track.firstEndingAfter(time);
  const inside = at < track.size && track.begin[at]! <= time;
  at += by < 0 ? -1 : inside ? 1 : 0;
  if (at < 0 || at >= track.size) return;
  const middle = base + (track.begin[at]! + track.end[at]!) / 2;
  latest.current.setCursor({ lane, time: middle, x: 0, byKey: true });
  const { from, to } = controller.view;
  if (middle < from || middle > to) controller.move(pan(controller.view, middle - (from + to) / 2));
}
