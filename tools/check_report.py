#!/usr/bin/env python3
"""Opens a report in a browser and checks what a reader would see.

  tools/check_report.py [FOLDER]     FOLDER: of `corun bench`; without it a short run is made first

Checks: no message in the console, nothing loaded from elsewhere, plots with marks in them, figures
of a simulated GPU labelled so, and no sideways scrolling on a wide or a narrow window. Pictures go
to build/checks/.
"""

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

FACTS = """
const marks = 'path,polyline,rect,circle,line';
return {
  title: document.title,
  text: document.body.innerText,
  loaded: performance.getEntriesByType('resource').map(entry => entry.name),
  linked: [...document.querySelectorAll('script[src],link[href],img[src]')]
      .map(element => element.src || element.href).filter(url => !url.startsWith('data:')),
  plots: [...document.querySelectorAll('svg')].map(svg => svg.querySelectorAll(marks).length),
  broken: /\\b(NaN|undefined|Infinity|null)\\b/.exec(document.body.innerText)?.[0] ?? '',
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
};
"""


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
    """Problems of the page in every window size; writes pictures/report-WIDTH.png."""
    problems = []
    with open_browser() as browser:
        for width, height in WINDOWS:
            browser.size(width, height)
            browser.open(path.resolve().as_uri())
            facts = browser.run(FACTS)
            found = problems_of(facts, browser.messages(), simulated)
            problems += [f"{width} pixels wide: {problem}" for problem in found]
            pictures.mkdir(parents=True, exist_ok=True)
            (pictures / f"report-{width}.png").write_bytes(browser.picture())
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
