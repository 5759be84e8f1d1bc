#!/usr/bin/env python3
"""The tables of a folder of tools/pair_matrix.py.

  tools/pair_table.py DIR [--only bert,gpt2,resnet50t] [--load 0.3] [--without 112] \\
      [--rates-of gpt2-85=gpt2]

Per pair: the critical workload's p99 over its own when alone (95 % interval by resampling the
requests of both windows, which leaves out how windows differ), and the other's rate over its own.
`bound`: what the other could keep if nobody overlapped, 1 - busy - 2 x busy periods a second x
0.18 ms, from the critical workload's requests when it was alone in the block.

`pooled`: the geometric mean over all pairs of one kind of orders, where each pair's p99 is of the
requests of all its blocks, over that of the same blocks alone, with a 95 % interval by resampling
all those requests, and the mean of what the others kept. Several folders are taken together.
--only: of these workloads, --load: of this one and of servers with a rate of their own, --without:
these windows left out (of the first folder, or of the numbered one, from 1), --rates-of: what one
kept is told of another's rate alone, --pooled: nothing but those means.
"""

import argparse
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


FOLDER = 1_000_000  # windows and blocks of the next folder are counted on from here


def load_all(folders):
    """Several folders as one, with windows and blocks of their own."""
    rows, latencies = [], {}
    for number, folder in enumerate(folders):
        more, requests = load(folder)
        offset = number * FOLDER
        rows += [{**row, "window": row["window"] + offset, "block": row["block"] + offset}
                 for row in more]
        latencies.update({window + offset: found for window, found in requests.items()})
    return rows, latencies


def window_of(text):
    """`[DIR:]WINDOW` as load_all() counts it."""
    folder, _, window = text.rpartition(":")
    return (int(folder or 1) - 1) * FOLDER + int(window)


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


def pools_of(rows, rates_of=None):
    """{(orders, critical, load, other): (windows alone, windows shared, what the other kept)}, of
    the blocks that have both alone."""
    alone = {(r["block"], r["critical"], r["load"], r["other"]): r
             for r in rows if r["kind"] == "alone"}
    pools = collections.defaultdict(lambda: ([], [], []))
    for row in rows:
        if row["kind"] != "pair":
            continue
        c = alone.get((row["block"], row["critical"], row["load"], None))
        o = alone.get((row["block"], None, None, (rates_of or {}).get(row["other"], row["other"])))
        if not c or not o:
            continue
        single, shared, kept = pools[row["orders"], row["critical"], row["load"], row["other"]]
        if c["window"] not in single:
            single.append(c["window"])
        shared.append(row["window"])
        kept.append(row["o"]["rate"] / o["o"]["rate"])
    return {key: (tuple(single), tuple(shared), statistics.fmean(kept))
            for key, (single, shared, kept) in pools.items()}


def pooled(rows, latencies, rates_of=None, samples=200):
    """{orders: [pairs, mean, low, high, kept]} as the head of this file says."""
    pools, chance, found = pools_of(rows, rates_of), random.Random(1), {}
    for orders in dict.fromkeys(key[0] for key in pools):
        mine = [pool for key, pool in pools.items() if key[0] == orders]
        means = [geometric_of_pools(mine, latencies, chance if sample else None)
                 for sample in range(samples + 1)]
        ordered = sorted(means[1:])
        found[orders] = [len(mine), means[0], ordered[int(0.025 * samples)],
                         ordered[min(samples - 1, int(0.975 * samples))],
                         statistics.fmean(kept for _, _, kept in mine)]
    return found


def geometric_of_pools(pools, latencies, chance):
    """Of the values of pools_of(); `chance`: each pool resampled once, None: as it is."""
    p99s = {}

    def of(windows):
        if windows not in p99s:
            requests = [ms for window in windows for _, ms in latencies[window]]
            p99s[windows] = p99(chance.choices(requests, k=len(requests)) if chance else requests)
        return p99s[windows]

    return geometric([of(shared) / of(single) for single, shared, _ in pools])


def wanted(row, only, load_, without):
    """Windows of one alone are, whoever it is: they are what others are compared with."""
    if row["window"] in without or row["kind"] == "alone":
        return row["window"] not in without
    return (load_ is None or row["load"] in (None, load_)) and \
        (not only or {row["critical"], row["other"]} <= set(only))


def tell(folders, only=None, load_=None, without=(), rates_of=None, pairs_too=True):
    rows, latencies = load_all(folders)
    rows = [row for row in rows if wanted(row, only, load_, without)]
    if pairs_too:
        tell_pairs(rows, latencies)
        print()
    for orders, (count, mean, low, high, rate) in pooled(rows, latencies, rates_of).items():
        print(f"pooled: {orders} {count} pairs: p99 over alone {mean:.3f} [{low:.3f}, {high:.3f}], "
              f"others kept {rate:.3f}")


def tell_pairs(rows, latencies):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, nargs="+", metavar="DIR")
    parser.add_argument("--only", default="", metavar="NAME,...")
    parser.add_argument("--load", type=float, metavar="FRACTION")
    parser.add_argument("--without", default="", metavar="[DIR:]WINDOW,...")
    parser.add_argument("--rates-of", action="append", default=[], metavar="NAME=NAME")
    parser.add_argument("--pooled", action="store_true")
    arguments = parser.parse_args()
    tell(arguments.folder, arguments.only.split(",") if arguments.only else None, arguments.load,
         {window_of(text) for text in arguments.without.split(",") if text},
         dict(text.split("=", 1) for text in arguments.rates_of), not arguments.pooled)


if __name__ == "__main__":
    main()
