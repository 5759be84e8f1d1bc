#!/usr/bin/env python3
"""The frontier of settings: rate of the other workload against p99 of the critical one.

  tools/sweep_plot.py --title 'BERT-base beside transformer training' --out frontier.svg \\
      results/h100/sweep/m-bert-tr results/h100/sweep/p-bert-tr

Folders are those of tools/sweep.py, of one pair on one GPU. A dot is one variant of the settings:
means over the repetitions of ratios against the workloads alone in the same repetition; the dots of
a mode are joined in the order of their p99. Standard library only.
"""

import argparse
import html
import json
import math
import pathlib
import statistics
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 680, 420, 62, 24, 56, 58
# The report's colours (benchmarking/report/theme.cc), light and dark.
COLOURS = {"time-slicing": ("#c64b00", "#ff9a5c"), "mps-priority": ("#6f55b5", "#b9a4f5"),
           "managed": ("#8a6a00", "#e6c04a"), "managed-mps": ("#b0305c", "#f58bb0")}
STYLE = """
:root{color-scheme:light dark;--panel:#fff;--ink:#171c22;--muted:#56616d;--grid:#e8ebee}
@media (prefers-color-scheme:dark){:root{--panel:#171d24;--ink:#e9eef3;--muted:#9daab7;
 --grid:#262f38}}
text{font:13px/1.4 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--muted)}
.surface{fill:var(--panel)}.grid{stroke:var(--grid)}.title{fill:var(--ink);font-weight:600}
.small{font-size:11.5px}.mode{fill:currentColor;font-weight:600}
.dot{fill:currentColor;stroke:var(--panel);stroke-width:1.5}.thin{stroke:currentColor;fill:none}
"""


def series_of(mode, settings):
    if settings.get("policy") == "none":
        return "mps-priority" if mode == "managed-mps" else "time-slicing"
    return mode


def label_of(settings):
    if settings.get("policy") == "none":
        return "driver"
    parts = []
    if settings.get("hold") is False:
        parts.append("not held")
    if settings.get("gate_with_slices") is False:
        parts.append("no gate")
    if "wait_every_us" in settings:
        parts.append(f"waits every {settings['wait_every_us']} us")
    if settings.get("learn_linger") is False and settings.get("hold") is not False:
        parts.append(f"linger {settings['linger_us']} us")
    return ", ".join(parts) or "as ordered"


def points_of(folder):
    """(series, label, p99 over alone, rate over alone) of each variant."""
    mode = json.loads((folder / "env.json").read_text())["mode"]
    rows = [json.loads(line) for line in (folder / "windows.jsonl").open()]
    alone = {(r["rep"], r["what"]): r[r["what"]] for r in rows if r["kind"] == "alone"}
    found = {}
    for row in rows:
        if row["kind"] == "variant":
            p99 = row["critical"]["p99"] / alone[row["rep"], "critical"]["p99"]
            rate = row["other"]["rate"] / alone[row["rep"], "other"]["rate"]
            found.setdefault(row["what"], []).append((p99, rate))
    for what, ratios in found.items():
        settings = json.loads(what)
        yield (series_of(mode, settings), label_of(settings),
               math.exp(statistics.fmean(math.log(p) for p, _ in ratios)),
               statistics.fmean(r for _, r in ratios))


class Canvas:
    def __init__(self, points, title):
        largest = max(p[2] for p in points) * 1.3
        lowest = math.floor(10 * min(p[3] for p in points) - 0.5) / 10
        highest = max(1, math.ceil(10 * max(p[3] for p in points)) / 10)  # jobs beat their own rate
        width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        self.x = lambda v: LEFT + width * math.log(v / 0.9) / math.log(largest / 0.9)
        self.y = lambda v: HEIGHT - BOTTOM - height * (v - lowest) / (highest - lowest)
        self.parts = [f'<title>{html.escape(title)}</title><style>{STYLE}{self.colours()}</style>',
                      f'<rect class="surface" width="{WIDTH}" height="{HEIGHT}"/>']
        self.text(LEFT, 22, title, "title")
        ticks = (1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
        for tick in (t for t in ticks if t <= largest):
            self.line(self.x(tick), TOP, self.x(tick), HEIGHT - BOTTOM)
            self.text(self.x(tick), HEIGHT - BOTTOM + 18, f"{tick:g}×", anchor="middle")
        for tick in (t / 10 for t in range(round(10 * lowest), round(10 * highest) + 1)):
            self.line(LEFT, self.y(tick), WIDTH - RIGHT, self.y(tick))
            self.text(LEFT - 8, self.y(tick) + 4, f"{tick:g}", anchor="end")
        self.text(LEFT, HEIGHT - 14, "right: critical p99 over its p99 alone, log; up: the other's "
                  "rate over its rate alone")

    @staticmethod
    def colours():
        light = "".join(f".{name}{{color:{c[0]}}}" for name, c in COLOURS.items())
        dark = "".join(f".{name}{{color:{c[1]}}}" for name, c in COLOURS.items())
        return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"

    def line(self, x1, y1, x2, y2):
        self.parts.append(f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                          f'y2="{y2:.1f}"/>')

    def text(self, x, y, text, style="", anchor="start"):
        self.parts.append(f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" '
                          f'text-anchor="{anchor}">{html.escape(text)}</text>')

    def series(self, name, points, row):
        points = sorted(points, key=lambda p: p[2])
        path = " ".join(f"{self.x(p[2]):.1f},{self.y(p[3]):.1f}" for p in points)
        self.parts.append(f'<g class="{name}"><polyline class="thin" points="{path}"/>')
        for _, label, p99, rate in points:
            self.dot(f"{name}, {label}", p99, rate)
        self.text(LEFT + 140 * row, 42, f"● {name}", "mode")
        self.parts.append("</g>")

    def dot(self, name, p99, rate):
        tip = f"{name}: p99 {p99:.2f} times alone, rate {rate:.3f}"
        self.parts.append(f'<circle class="dot" cx="{self.x(p99):.1f}" cy="{self.y(rate):.1f}" '
                          f'r="6"><title>{html.escape(tip)}</title></circle>')

    def labels(self, points):
        """Beside its dot each label, moved down from those that it would hide."""
        placed = []
        for _, label, p99, rate in sorted(points, key=lambda p: (-p[3], p[2])):
            x, y = self.x(p99) + 10, self.y(rate) + 4
            while any(abs(y - other_y) < 13 and x < other_x + 6.2 * len(text)
                      and other_x < x + 6.2 * len(label) for other_x, other_y, text in placed):
                y += 4
            placed.append((x, y, label))
            self.text(x, y, label, "small")

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
                f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img">' + "\n".join(self.parts) + "</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--title", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    points = [point for folder in arguments.folders for point in points_of(folder)]
    canvas = Canvas(points, arguments.title)
    names = [name for name in COLOURS if any(p[0] == name for p in points)]
    for row, name in enumerate(names):
        canvas.series(name, [p for p in points if p[0] == name], row)
    canvas.labels(points)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(canvas.svg())
    return 0


if __name__ == "__main__":
    sys.exit(main())
