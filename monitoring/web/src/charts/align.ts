// Series of the API, as uPlot wants them: one list of times, a list of values for each line.
import type { Series } from '../api/contract';

/** All times of all series, each once, sorted; and for each series its means at them, else null. */
export function align(series: Series[]): { t: number[]; values: (number | null)[][] } {
  const t = [...new Set(series.flatMap((one) => one.t))].sort((a, b) => a - b);
  const values = series.map((one) => {
    const at = new Map(one.t.map((time, i) => [time, one.mean[i] ?? null]));
    return t.map((time) => at.get(time) ?? null);
  });
  return { t, values };
}

/** Each line on top of those before it; what is unknown counts as nothing. The last comes first, so
 * that fills do not cover the lines below them. */
export function stack(values: (number | null)[][]): number[][] {
  const sums: number[][] = [];
  for (const line of values) {
    const under = sums[sums.length - 1];
    sums.push(line.map((value, i) => (under?.[i] ?? 0) + (value ?? 0)));
  }
  return sums;
}
