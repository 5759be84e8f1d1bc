#!/usr/bin/env python3
"""What `corun bench` costs a workload: `corun-synthetic noop` alone and under the harness.

  tools/harness_overhead.py [--bin DIR] [--gpu real|simulated[:PROFILE]] [--pairs N] [--json]

Both sides do items of the same fixed work for the same time. Runs are taken in pairs, alone first
in one pair and last in the next (ABBA), so that a machine that drifts favours neither. Under the
harness means what a user has: the workload pinned to its processors, the sampler running, rows
written; the figure of such a run is the mean over its cells. Needs Python 3.8 and corun's programs.
"""

import argparse
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET_PERCENT = 1.0  # of throughput
TARGET_US = 20.0  # at p99
# 97.5 % quantiles of Student's t for 1, 2, 3, ... degrees of freedom; beyond: the normal one.
STUDENT_T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179,
             2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
             2.060, 2.056, 2.052, 2.048, 2.045, 2.042]


class Failed(Exception):
    pass


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Failed(f"{' '.join(map(str, command))}: exit code {done.returncode}: {last}")
    return done.stdout


def number(pattern, text, what):
    match = re.search(pattern, text, re.MULTILINE)
    if not match:
        raise Failed(f"corun-synthetic noop told no {what}; give a longer --duration")
    return float(match.group(1))


def steps_for(folder, item_us):
    text = run([folder / "corun-synthetic", "noop", "--duration", "300ms", "--item-us", item_us])
    return int(number(r"^calibrated: (\d+) steps", text, "number of steps"))


def alone(folder, steps, duration):
    """One stand-alone run: items/s and p99 in us."""
    text = run([folder / "corun-synthetic", "noop", "--item-steps", str(steps),
                "--duration", duration])
    return {"rate": number(r"^throughput\s+(\S+)", text, "throughput"),
            "p99_us": 1e3 * number(r"^latency\s.*p99 ([\d.]+) ms", text, "p99")}


def figures_of(rows):
    """Means over the valid rows of one run of corun bench."""
    valid = [row for row in rows if row["valid"] and row["latency_ms"]["p99"]]
    if not valid:
        reasons = {row["reason"] for row in rows if row["reason"]}
        raise Failed(f"corun bench gave no usable row: {'; '.join(reasons) or 'no p99'}")
    return {"rate": statistics.fmean(row["throughput"] for row in valid),
            "p99_us": statistics.fmean(1e3 * row["latency_ms"]["p99"]["value"] for row in valid),
            "cells": len(valid), "cpu_bound": sum(row["cpu_bound"] for row in valid)}


def under_harness(folder, steps, duration, gpu):
    """One run of corun bench: the same, and how many of its cells had contended processors."""
    with tempfile.TemporaryDirectory(prefix="corun-overhead-") as scratch:
        out = pathlib.Path(scratch) / "run"
        run([folder / "corun", "bench", "--gpu", gpu, "--mode", "time-slicing", "--quick",
             "--tenant", f"noop=corun-synthetic noop --item-steps {steps}",
             "--duration", duration, "--out", out])
        return figures_of([json.loads(line) for line in (out / "rows.jsonl").open()])


def interval(values):
    """Mean and 95 % interval of independent values, two or more."""
    mean = statistics.fmean(values)
    n = len(values)
    t = STUDENT_T[n - 2] if n - 2 < len(STUDENT_T) else 1.96
    reach = t * statistics.stdev(values) / math.sqrt(n)
    return {"value": mean, "low": mean - reach, "high": mean + reach}


def verdict(estimate, target):
    if estimate["high"] <= target:
        return "WITHIN"
    if estimate["low"] > target:
        return "ABOVE"
    return "CANNOT TELL: take more pairs on an idle machine"


def compare(pairs):
    """Overheads of (alone, harness) pairs."""
    return {"throughput_percent": interval([100 * (1 - b["rate"] / a["rate"]) for a, b in pairs]),
            "p99_us": interval([b["p99_us"] - a["p99_us"] for a, b in pairs])}


def measure(arguments, report):
    steps = arguments.steps or steps_for(arguments.bin, str(arguments.item_us))
    sides = {"alone": lambda: alone(arguments.bin, steps, arguments.duration),
             "harness": lambda: under_harness(arguments.bin, steps, arguments.duration,
                                              arguments.gpu)}
    pairs = []
    for k in range(arguments.pairs):
        order = ["alone", "harness"] if k % 2 == 0 else ["harness", "alone"]
        taken = {side: sides[side]() for side in order}
        pairs.append((taken["alone"], taken["harness"]))
        report(f"pair {k + 1} of {arguments.pairs}: alone {taken['alone']['rate']:.1f} items/s, "
               f"p99 {taken['alone']['p99_us']:.1f} us; under corun "
               f"{taken['harness']['rate']:.1f} items/s, p99 {taken['harness']['p99_us']:.1f} us")
    return {"steps": steps, "gpu": arguments.gpu, "duration": arguments.duration,
            "pairs": [{"alone": a, "harness": b} for a, b in pairs], **compare(pairs)}


def line(name, estimate, unit, target):
    return (f"{name:<11} {estimate['value']:+.2f} {unit} [{estimate['low']:+.2f}, "
            f"{estimate['high']:+.2f}], target {target:g} {unit}: {verdict(estimate, target)}")


def print_text(found):
    cells = sum(pair["harness"]["cells"] for pair in found["pairs"])
    bound = sum(pair["harness"]["cpu_bound"] for pair in found["pairs"])
    print(f"harness overhead on noop, {found['steps']} steps an item, {len(found['pairs'])} pairs "
          f"of {found['duration']}, --gpu {found['gpu']}; intervals 95 %")
    print(line("throughput", found["throughput_percent"], "%", TARGET_PERCENT))
    print(line("p99", found["p99_us"], "us", TARGET_US))
    if bound:
        print(f"{bound} of {cells} cells waited for processors (CPU-bound): other programs ran")


def program_folder():
    """build/bin of a checkout, bin/ of the tree of make dist."""
    folders = [ROOT / "build" / "bin", ROOT.parent.parent / "bin"]
    return next((folder for folder in folders if (folder / "corun").is_file()), folders[0])


def main():
    parser = argparse.ArgumentParser(description="Measures what corun bench costs a workload.")
    parser.add_argument("--bin", type=pathlib.Path, default=program_folder(),
                        help="folder of corun and corun-synthetic (build/bin, or bin of make dist)")
    parser.add_argument("--gpu", default="auto", help="as of corun bench")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--duration", default="3s", help="window of a run")
    parser.add_argument("--item-us", type=float, default=100.0, help="about so long is an item")
    parser.add_argument("--steps", type=int, default=0, help="of an item (default: from --item-us)")
    parser.add_argument("--json", action="store_true", help="all runs as one object")
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    if arguments.pairs < 2:
        parser.error("--pairs must be 2 or more: one pair has no interval")
    try:
        found = measure(arguments, lambda text: print(text, file=sys.stderr, flush=True))
    except (Failed, OSError) as error:
        print(f"harness_overhead: error: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(found))
    else:
        print_text(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
