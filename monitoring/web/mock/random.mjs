// Numbers that look random and are the same for the same place and time: everything the mock tells
// about a moment is a function of it, so slices, series and snapshots agree, and any window of the
// past can be asked for.

/** 0..1 from integers. */
export function hash(...parts) {
  let h = 2166136261;
  for (const part of parts) {
    h = Math.imul(h ^ (part | 0), 16777619);
    h ^= h >>> 13;
    h = Math.imul(h, 0x5bd1e995);
    h ^= h >>> 15;
  }
  return (h >>> 0) / 4294967296;
}

/** Smooth noise, 0..1, that changes over about `period` seconds. */
export function noise(seed, t, period) {
  const x = t / period;
  const i = Math.floor(x);
  const f = x - i;
  const s = f * f * (3 - 2 * f);
  return hash(seed, i) * (1 - s) + hash(seed, i + 1) * s;
}

/** A generator of its own sequence. */
export function sequence(...seed) {
  let n = 0;
  return () => hash(...seed, n++);
}
