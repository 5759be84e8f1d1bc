#!/usr/bin/env python3
"""All pairs of tools/pair_matrix.py in one picture: what the other keeps against the p99.

  tools/pair_plot.py --title 'Servers beside trainings' --out pairs.svg [--only bert,gpt2,...] \\
      [--load 0.3] [--without 1,2:1] results/h200/pairs/managed results/h200/pairs/managed-mps

A dot is a pair under one way of sharing: `{"policy":"none"}` is the driver's own. Folders of one
mode are taken together, as `tools/pair_table.py --pooled` does, whose options --only, --load and
--without are. Standard library only.
"""

import argparse
import json
import pathlib
import sys

import pair_table
import sweep_plot

SHOWN = ("{}", '{"policy":"none"}')  # orders


def points_of(folders, arguments):
    """(series, label, p99 over alone, rate over alone) of each pair."""
    all_rows, latencies = pair_table.load_all(folders)
    modes = [json.loads((folder / "env.json").read_text())["mode"] for folder in folders]
    for mode in dict.fromkeys(modes):
        rows = [row for row in all_rows if modes[row["window"] // pair_table.FOLDER] == mode and
                pair_table.wanted(row, arguments.only, arguments.load, arguments.without)]
        for (orders, critical, _, other), pool in pair_table.pools_of(rows).items():
            if orders in SHOWN:
                yield (sweep_plot.series_of(mode, json.loads(orders)), f"{critical} beside {other}",
                       pair_table.geometric_of_pools([pool], latencies, None), pool[2])


class Canvas(sweep_plot.Canvas):
    def series(self, name, points, row):
        self.parts.append(f'<g class="{name}">')
        for _, label, p99, rate in points:
            self.dot(f"{name}, {label}", p99, rate)
        self.text(sweep_plot.LEFT + 140 * row, 42, f"● {name}", "mode")
        self.parts.append("</g>")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--title", required=True)
    parser.add_argument("--only", type=lambda t: t.split(","), metavar="NAME,...")
    parser.add_argument("--load", type=float, metavar="FRACTION")
    parser.add_argument("--without", type=lambda t: {pair_table.window_of(w) for w in t.split(",")},
                        default=set(), metavar="[DIR:]WINDOW,...")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    points = list(points_of(arguments.folders, arguments))
    canvas = Canvas(points, arguments.title)
    names = [name for name in sweep_plot.COLOURS if any(p[0] == name for p in points)]
    for row, name in enumerate(names):
        canvas.series(name, [p for p in points if p[0] == name], row)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(canvas.svg())
    return 0


if __name__ == "__main__":
    sys.exit(main())
