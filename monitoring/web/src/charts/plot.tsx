// uPlot with the page's colours.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { colour, useThemeVersion } from '../ui/context';
import { clock } from '../format';

export interface Line {
  name: string;
  /** A CSS variable's name without dashes, as "w0". */
  colour: string;
  values: (number | null)[];
  fill?: boolean; dashed?: boolean; thin?: boolean;
  /** What the legend shows where the line shows something else (stacked sums). */
  shown?: (number | null)[];
}

export interface PlotProps {
  title: string; t: number[]; lines: Line[]; from: number; to: number;
  show: (value: number | null) => string; top?: number | undefined; height?: number;
  /** The axis counts in powers of two. */
  binary?: boolean;
}

function series(line: Line, show: PlotProps['show']): uPlot.Series {
  const stroke = colour(line.colour);
  return {
    label: line.name, stroke, width: line.fill || line.thin ? 1 : 1.75, points: { show: false },
    ...(line.fill ? { fill: `color-mix(in srgb, ${stroke} 72%, ${colour('ground')})` } : {}),
    ...(line.dashed ? { dash: [6, 4] } : {}),
    value: (plot, _, number, index) => {
      const values = line.shown ?? (plot.data[number] as (number | null)[] | undefined) ?? [];
      return show(values[index ?? values.length - 1] ?? null);
    },
  };
}

/** Half the height of a line's mark in the legend, which is like the line itself. */
const markerWidth = (line: Line): number => (line.fill ? 5 : line.thin ? 0.5 : 1.25);

/** Room for what is there; a level axis where nothing moves. */
const rangeOf = (top: number | undefined): uPlot.Range.Function => (_, __, most) =>
  [0, top ?? (most > 0 ? most * 1.12 : 1)];

const POWERS = Array.from({ length: 50 }, (_, i) => 2 ** i);

function options(props: PlotProps, width: number): uPlot.Options {
  const axis = { stroke: colour('muted'), grid: { stroke: colour('grid'), width: 1 },
                 ticks: { show: false }, font: '11px system-ui, sans-serif' };
  return {
    width, height: props.height ?? 170,
    legend: { live: true, markers: {
      width: (_, number) => markerWidth(props.lines[number - 1]!),
      dash: (_, number) => (props.lines[number - 1]!.dashed ? 'dashed' : 'solid'),
    } },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true, range: () => [props.from, props.to] }, y: { range: rangeOf(props.top) } },
    axes: [{ ...axis, space: 76, size: 26, values: (_, at, __, ___, step) =>
             at.map((time) => clock(time).slice(0, step < 60 ? 8 : 5)) },
           { ...axis, size: 64, ...(props.binary ? { incrs: POWERS } : {}), values: (_, at) => at.map((value) => props.show(value)) }],
    series: [{ label: 'Time', value: (_, value) => (value ? clock(value) : '–') },
             ...props.lines.map((line) => series(line, props.show))],
  };
}

export function Plot(props: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const theme = useThemeVersion();
  const shape = props.lines.map((line) => `${line.name} ${line.colour}`).join();
  const data = (): uPlot.AlignedData =>
    [latest.current.t, ...latest.current.lines.map((line) => line.values)];
  useEffect(() => {
    const element = box.current!;
    const now = new Proxy({} as PlotProps, {
      get: (_, key) => latest.current[key as keyof PlotProps] });
    const made = new uPlot(options(now, element.clientWidth), data(), element);
    plot.current = made;
    const seen = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: latest.current.height ?? 170 });
    });
    seen.observe(element);
    return () => { seen.disconnect(); made.destroy(); plot.current = null; };
  }, [theme, shape]);
  useEffect(() => plot.current?.setData(data()), [props.t, props.lines, props.from, props.to]);
  const lasts = props.lines.map((line) =>
    `${line.name} ${props.show((line.shown ?? line.values).at(-1) ?? null)}`).join(', ');
  return <figure class="plot" aria-label={`${props.title}; last: ${lasts || 'nothing known'}`}>
    <figcaption>{props.title}</figcaption>
    <div ref={box} />
    {props.t.length === 0 && <p class="chart-note">Nothing is known of this time.</p>}
  </figure>;
}
