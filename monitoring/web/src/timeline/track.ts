// Blocks of one lane that do not overlap (runs; or turns; or waits), in typed arrays sorted by time,
// with running sums of covered time per kind. So the share of any kind in any stretch of time takes
// two binary searches, and drawing costs by the pixel, not by the block.
import { KINDS, type Kind } from '../api/contract';

const CODE: Record<string, number> = Object.fromEntries(KINDS.map((kind, i) => [kind, i]));
const MIXED = CODE['mixed']!;
export const codeOf = (kind: string): number => CODE[kind] ?? MIXED;
export const kindOf = (code: number): Kind => KINDS[code]!;

export class Track {
  size = 0;
  begin = new Float64Array(16);
  end = new Float64Array(16);
  code = new Uint8Array(16);
  cover = new Float32Array(16);
  /** sums[kind][i]: seconds of that kind in blocks before i. */
  readonly sums = new Map<number, Float64Array>();
  /** Blocks before this one are in `sums`. */
  private summed = 0;

  private reserve(size: number): void {
    if (size <= this.begin.length) return;
    const room = Math.max(size, this.begin.length * 2);
    const grown = <T extends Float64Array | Uint8Array | Float32Array>(old: T, fresh: T): T => {
      fresh.set(old.subarray(0, this.size) as never);
      return fresh;
    };
    this.begin = grown(this.begin, new Float64Array(room));
    this.end = grown(this.end, new Float64Array(room));
    this.code = grown(this.code, new Uint8Array(room));
    this.cover = grown(this.cover, new Float32Array(room));
  }

  /** Blocks come nearly in order; one that is late moves to its place. One that is there already,
   * or goes on from the last of its kind, makes none of its own. */
  add(begin: number, end: number, code: number, coverage = 1): void {
    if (!(end > begin)) return;
    const last = this.size - 1;
    if (last >= 0 && begin < this.end[last]!) return this.addLate(begin, end, code, coverage);
    if (last >= 0 && begin === this.end[last] && this.code[last] === code &&
        coverage === 1 && this.cover[last] === 1) {
      this.end[last] = end;
      this.summed = Math.min(this.summed, last);
      return;
    }
    this.put(this.size, begin, end, code, coverage);
  }

  private put(at: number, begin: number, end: number, code: number, coverage: number): void {
    this.reserve(this.size + 1);
    if (at < this.size) {
      for (const list of [this.begin, this.end, this.code, this.cover]) {
        list.copyWithin(at + 1, at, this.size);
      }
    }
    this.begin[at] = begin;
    this.end[at] = end;
    this.code[at] = code;
    this.cover[at] = coverage;
    this.size++;
    this.summed = Math.min(this.summed, at);
  }

  private addLate(begin: number, end: number, code: number, coverage: number): void {
    const at = this.firstEndingAfter(begin);
    const cut = at < this.size ? Math.min(end, this.begin[at]!) : end;
    // What overlaps is known already; only the part before the next block is new.
    if (cut > begin) this.put(at, begin, cut, code, coverage);
  }

  /** The first block that ends after `time`; `size` when none does. */
  firstEndingAfter(time: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.end[middle]! > time) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Brings `sums` up to date; before a run of `seconds`. */
  index(): void {
    if (this.summed === this.size && this.sums.size > 0) return;
    const codes = new Set(this.sums.keys());
    for (let i = this.summed; i < this.size; i++) codes.add(this.code[i]!);
    for (const code of codes) {
      let sums = this.sums.get(code);
      let from = this.summed;
      if (!sums || sums.length < this.begin.length + 1) {
        sums = new Float64Array(this.begin.length + 1);
        this.sums.set(code, sums);
        from = 0;
      }
      for (let i = from; i < this.size; i++) {
        const own = this.code[i] === code ? (this.end[i]! - this.begin[i]!) * this.cover[i]! : 0;
        sums[i + 1] = sums[i]! + own;
      }
    }
    this.summed = this.size;
  }

  /** Seconds of `code` before `time`, where `at` is firstEndingAfter(time). */
  before(code: number, time: number, at: number): number {
    const sum = this.sums.get(code)![at]!;
    if (at >= this.size || this.code[at] !== code || time <= this.begin[at]!) return sum;
    return sum + (time - this.begin[at]!) * this.cover[at]!;
  }

  /** Seconds of `code` in [from, to]. */
  seconds(code: number, from: number, to: number): number {
    this.index();
    if (!this.sums.has(code)) return 0;
    return this.before(code, to, this.firstEndingAfter(to)) -
      this.before(code, from, this.firstEndingAfter(from));
  }

  /** Forgets the blocks that end before `time`. */
  forgetBefore(time: number): void {
    const first = this.firstEndingAfter(time);
    if (first === 0) return;
    for (const list of [this.begin, this.end, this.code, this.cover]) {
      list.copyWithin(0, first, this.size);
    }
    this.size -= first;
    this.sums.clear();
    this.summed = 0;
  }
}
