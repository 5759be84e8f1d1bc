#!/usr/bin/env python3
"""The tables of a folder of tools/pair_matrix.py: tools/pair_table.py DIR

Per pair: the critical workload's p99 over its own when alone (95 % interval by resampling the
requests of both windows, which leaves out how windows differ), and the other's rate over its own.
`bound`: what the other could keep if nobody overlapped, 1 - busy - 2 x busy periods a second x
0.18 ms, from the critical workload's requests when it was alone in the block.
"""

import collections
import csv
import gzip
import json
import math
import pathlib
import random
import statistics
import sys

SWITCH_S = 0.18e-3  # of one switch between two contexts, measured (docs/adr/0006)


def load(folder):
    rows = [json.loads(line) for line in (folder / "windows.jsonl").read_text().splitlines()]
    latencies = collections.defaultdict(list)
    with gzip.open(folder / "latencies.csv.gz", "rt") as file:
        for line in csv.DictReader(file):
            latencies[int(line["window"])].append(
                (float(line["scheduled_us"]) / 1e3, float(line["latency_ms"])))
    return rows, latencies


def bound(requests, seconds):
    """Of [(scheduled_ms, latency_ms)], answered in order: what a server that is alone leaves."""
    free_ms, busy_ms, visits = 0.0, 0.0, 0
    for scheduled_ms, latency_ms in requests:
        end_ms = scheduled_ms + latency_ms
        visits += scheduled_ms >= free_ms
        busy_ms += end_ms - max(scheduled_ms, free_ms)
        free_ms = end_ms
    return 1 - busy_ms / 1e3 / seconds - 2 * visits / seconds * SWITCH_S


def p99(values):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def ratio_interval(shared, alone, chance, samples=300):
    ratios = sorted(p99(chance.choices(shared, k=len(shared))) /
                    p99(chance.choices(alone, k=len(alone))) for _ in range(samples))
    return ratios[int(0.025 * samples)], ratios[int(0.975 * samples)]


def pairs(rows, latencies):
    alone = {(r["block"], r["critical"], r["load"], r["other"]): r
             for r in rows if r["kind"] == "alone"}
    chance, found = random.Random(1), collections.defaultdict(list)
    for row in rows:
        if row["kind"] != "pair":
            continue
        c = alone.get((row["block"], row["critical"], row["load"], None))
        o = alone.get((row["block"], None, None, row["other"]))
        if not c or not o:
            continue
        shared, single = ([ms for _, ms in latencies[w["window"]]] for w in (row, c))
        found[row["orders"], row["critical"], row["load"], row["other"]].append({
            "window": row["window"], "p99": row["c"]["p99"] / c["c"]["p99"],
            "p50": row["c"]["p50"] / c["c"]["p50"], "ms": (c["c"]["p99"], row["c"]["p99"]),
            "interval": ratio_interval(shared, single, chance),
            "rate": row["o"]["rate"] / o["o"]["rate"],
            "served": row["c"]["rate"] / c["c"]["rate"],
            "bound": bound(latencies[c["window"]], c["seconds"])})
    return found


def geometric(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def tell(folder):
    rows, latencies = load(folder)
    found = pairs(rows, latencies)
    groups = collections.defaultdict(list)
    for key, values in sorted(found.items(), key=str):
        orders, critical, load_, other = key
        best = "; ".join(f"{v['ms'][0]:.2f} -> {v['ms'][1]:.2f} ms = {v['p99']:.2f} "
                         f"[{v['interval'][0]:.2f}, {v['interval'][1]:.2f}]" for v in values)
        mean_rate = statistics.fmean(v["rate"] for v in values)
        print(f"{orders:20} {critical:8} {load_ or '':5} {other:12} p99 {best}; "
              f"p50 {geometric([v['p50'] for v in values]):.2f}; other {mean_rate:.3f} "
              f"(bound {statistics.fmean(v['bound'] for v in values):.3f}); "
              f"served {min(v['served'] for v in values):.2f}")
        groups[orders, load_].append(geometric([v["p99"] for v in values]))
        groups[orders, load_, other].append(geometric([v["p99"] for v in values]))
    print()
    for key, values in groups.items():
        print(key, f"{len(values)} pairs: mean {statistics.fmean(values):.3f}, geometric "
              f"{geometric(values):.3f}, median {statistics.median(values):.3f}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: tools/pair_table.py DIR")
    tell(pathlib.Path(sys.argv[1]))
