#!/usr/bin/env python3
"""Opens a report in a browser and checks what a reader would see.

  tools/check_report.py [FOLDER]     FOLDER: of `corun bench`; without it a short run is made first

Checks: no message in the console, nothing loaded from elsewhere, plots with marks in them, figures
of a simulated GPU labelled so, light text on dark ground for those who prefer it, and no sideways
scrolling on a wide or a narrow window. Pictures go to build/checks/.
"""

import itertools
import json
import pathlib
import shutil
import subprocess
import sys

from webdriver import open_browser

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURES = ROOT / "build" / "checks"
BENCH = ["build/bin/corun", "bench", "--mode", "exclusive,time-slicing", "--workloads", "2",
         "--quick", "--gpu", "simulated"]
WINDOWS = [(1280, 900), (420, 900)]
SCHEMES = ["light", "dark"]

FACTS = """
const marks = 'path,polyline,rect,circle,line';
const light = (element, property) => {
  const [red, green, blue] = getComputedStyle(element)[property].match(/[\\d.]+/g).map(Number);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const figure = document.querySelector('figure, .panel') ?? document.body;
return {
  title: document.title,
  text: document.body.innerText,
  loaded: performance.getEntriesByType('resource').map(entry => entry.name),
  linked: [...document.querySelectorAll('script[src],link[href],img[src]')]
      .map(element => element.src || element.href).filter(url => !url.startsWith('data:')),
  plots: [...document.querySelectorAll('svg')].map(svg => svg.querySelectorAll(marks).length),
  broken: /\\b(NaN|undefined|Infinity|null)\\b/.exec(document.body.innerText)?.[0] ?? '',
  ground: light(figure, 'backgroundColor'),
  ink: light(figure, 'color'),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
};
"""


def contrast_problems(facts, scheme):
    """Text must be on the other side of its ground: dark on light, or light on dark."""
    dark = scheme == "dark"
    problems = []
    if (facts["ground"] < 128) != dark:
        problems.append(f"is not {scheme} for who prefers that")
    if abs(facts["ink"] - facts["ground"]) < 128:
        problems.append(f"has text that is hard to read in {scheme}")
    return problems


def problems_of(facts, messages, simulated):
    """What is wrong with one view of the page, as lines."""
    problems = [f"console: {entry['message']}" for entry in messages]
    problems += [f"loads {url}" for url in facts["loaded"] + facts["linked"]]
    if not facts["title"]:
        problems.append("has no title")
    if not facts["plots"]:
        problems.append("has no plot")
    problems += [f"plot {i + 1} is empty" for i, marks in enumerate(facts["plots"]) if marks < 2]
    if facts["broken"]:
        problems.append(f"shows '{facts['broken']}' as a figure")
    if simulated and "SIMULATED" not in facts["text"].upper():
        problems.append("does not say that its figures are simulated")
    if facts["overflow"] > 0:
        problems.append(f"is {facts['overflow']} pixels too wide for its window")
    return problems


def check_page(path, simulated, pictures):
    """Problems of the page in all windows; writes pictures/report-WIDTH-SCHEME.png."""
    problems = []
    with open_browser() as browser:
        for (width, height), scheme in itertools.product(WINDOWS, SCHEMES):
            browser.size(width, height)
            browser.scheme(scheme)
            browser.open(path.resolve().as_uri())
            facts = browser.run(FACTS)
            found = problems_of(facts, browser.messages(), simulated)
            found += contrast_problems(facts, scheme)
            problems += [f"{width} pixels wide, {scheme}: {problem}" for problem in found]
            pictures.mkdir(parents=True, exist_ok=True)
            (pictures / f"report-{width}-{scheme}.png").write_bytes(browser.picture())
    return problems


def make_run():
    """A short run on the simulated GPU; returns its folder."""
    folder = ROOT / "build" / "checks" / "report-run"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(BENCH + ["--out", str(folder)], cwd=ROOT, check=True)
    return folder


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    folder = pathlib.Path(arguments[0]) if arguments else make_run()
    rows = (folder / "rows.jsonl").read_text().splitlines()
    simulated = any(json.loads(row)["simulated"] for row in rows)
    problems = check_page(folder / "report.html", simulated, PICTURES)
    for problem in problems:
        print(f"check_report: {folder}/report.html: {problem}")
    if not problems:
        print(f"check_report: {folder}/report.html reads well; pictures in {PICTURES}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
