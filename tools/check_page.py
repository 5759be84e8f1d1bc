#!/usr/bin/env python3
"""Checks the page of `corun serve` (monitoring/web): types, units, whether dist/ is a fresh build
of the sources, and every view in a browser.

  tools/check_page.py [--no-install]     --no-install: node_modules is as package-lock.json says

Exit codes: 0 all well, 1 something is not, 3 node, npm or chromium is missing here.
"""

import filecmp
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

WEB = pathlib.Path(__file__).resolve().parent.parent / "monitoring" / "web"
OLDEST_NODE = (20, 19)


def missing():
    """What this machine lacks, as one line; empty when all is there."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            return f"{name} is not installed; install nodejs and npm"
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in told.strip().lstrip("v").split(".")[:2])
    if version < OLDEST_NODE:
        return f"node {told.strip()} is too old; install {'.'.join(map(str, OLDEST_NODE))} or newer"
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not os.access(chromium, os.X_OK):
        return f"{chromium} is not there; install chromium, or name it in CHROMIUM"
    return ""


def run(*command):
    """Whether the command ends well; its output goes to ours."""
    print(f"check_page: {' '.join(command)}", flush=True)
    return subprocess.run(command, cwd=WEB, check=False).returncode == 0


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def is_fresh():
    """Whether dist/ is byte for byte what the sources build to."""
    with tempfile.TemporaryDirectory() as folder:
        if not run("npx", "vite", "build", "--logLevel", "warn", "--outDir", folder):
            return False
        built, kept = pathlib.Path(folder), WEB / "dist"
        same = files(built) == files(kept) and all(
            filecmp.cmp(built / name, kept / name, shallow=False) for name in files(built))
    if not same:
        print("check_page: monitoring/web/dist is not what its sources build to; "
              "run npm run build there and commit dist/")
    return same


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    lack = missing()
    if lack:
        print(f"check_page: not checked: {lack}")
        return 3
    if "--no-install" not in arguments and not run("npm", "ci", "--prefer-offline"):
        return 1
    steps = [lambda: run("npm", "run", "-s", "types"), lambda: run("npm", "run", "-s", "unit"),
             is_fresh, lambda: run("npm", "run", "-s", "browser")]
    good = all([step() for step in steps])
    print(f"check_page: the page {'holds what its tests say' if good else 'FAILED, see above'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
