#!/usr/bin/env python3
"""All pairs of tools/pair_matrix.py in one picture: what the other keeps against the p99.

  tools/pair_plot.py --title 'Servers beside trainings' --out pairs.svg [--others gpt2,...] \\
      results/h200/pairs/managed results/h200/pairs/managed-mps

A dot is a pair under one way of sharing: `{"policy":"none"}` is the driver's own. Means over the
blocks of ratios against the workloads alone in the same block. Windows named by --without are left
out, and so are critical workloads named by --not. Standard library only.
"""

import argparse
import json
import math
import pathlib
import statistics
import sys

import pair_table
import sweep_plot


def points_of(folder, arguments):
    """(series, label, p99 over alone, rate over alone) of each pair at the main load."""
    env = json.loads((folder / "env.json").read_text())
    rows, latencies = pair_table.load(folder)
    main_load = next((r["load"] for r in rows if r["kind"] == "pair" and r["load"]
                      and r["orders"] != "{}"), None)
    for (orders, critical, load, other), values in pair_table.pairs(rows, latencies).items():
        values = [v for v in values if v["window"] not in arguments.without]
        listed = not arguments.others or other in arguments.others
        if not values or load not in (None, main_load) or critical in arguments.leave or not listed:
            continue
        yield (sweep_plot.series_of(env["mode"], json.loads(orders)), f"{critical} beside {other}",
               math.exp(statistics.fmean(math.log(v["p99"]) for v in values)),
               statistics.fmean(v["rate"] for v in values))


class Canvas(sweep_plot.Canvas):
    def series(self, name, points, row):
        self.parts.append(f'<g class="{name}">')
        for _, label, p99, rate in points:
            self.dot(f"{name}, {label}", p99, rate)
        self.text(sweep_plot.LEFT + 140 * row, 42, f"● {name}", "mode")
        self.parts.append("</g>")


def words(text):
    return text.split(",")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--title", required=True)
    parser.add_argument("--others", type=words, default=[], metavar="NAME,...")
    parser.add_argument("--not", dest="leave", type=words, default=[], metavar="NAME,...")
    parser.add_argument("--without", type=lambda t: [int(n) for n in t.split(",")], default=[],
                        metavar="WINDOW,...")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    points = [point for folder in arguments.folders for point in points_of(folder, arguments)]
    canvas = Canvas(points, arguments.title)
    names = [name for name in sweep_plot.COLOURS if any(p[0] == name for p in points)]
    for row, name in enumerate(names):
        canvas.series(name, [p for p in points if p[0] == name], row)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(canvas.svg())
    return 0


if __name__ == "__main__":
    sys.exit(main())
