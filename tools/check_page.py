#!/usr/bin/env python3
"""Checks the page of `corun serve` (monitoring/web): types, units, whether dist/ is a fresh build
of the sources, and every view in a browser.

  tools/check_page.py

node_modules is installed anew when package-lock.json, node or the machine changed since the last
time. Exit codes: 0 all well, 1 something is not, 3 it cannot be checked here: node, npm or chromium
is missing, or npm's registry cannot be reached.
"""

import filecmp
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

WEB = pathlib.Path(__file__).resolve().parent.parent / "monitoring" / "web"
OLDEST_NODE = (18, 19)  # Debian 12 has 18.20; 18.19 is the first with --test-concurrency
INSTALL_S = 90  # 10 packages of 62 MB: 9 s here
# https://docs.npmjs.com/common-errors and libuv's names: what is wrong between here and the registry.
UNREACHABLE = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|EPIPE"
    r"|ERR_SOCKET_TIMEOUT|ERR_INVALID_URL|E40[347]|E429|E5\d\d|ENOTCACHED"
    r"|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_HAS_EXPIRED"
    r"|UNABLE_TO_(?:GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE))\b")


class NotHere(Exception):
    """This machine cannot check the page; says why in one line."""


def node_version():
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return told.strip()


def require_programs():
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            raise NotHere(f"{name} is not installed; tools/install_deps.sh test installs it")
    told = node_version()
    if tuple(int(part) for part in told.lstrip("v").split(".")[:2]) < OLDEST_NODE:
        oldest = ".".join(map(str, OLDEST_NODE))
        raise NotHere(f"node {told} is too old; install {oldest} or newer")
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not os.access(chromium, os.X_OK):
        raise NotHere(f"{chromium} is not there; install chromium, or name it in CHROMIUM")


def stamp():
    """What node_modules depends on."""
    told = hashlib.sha256()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        told.update((WEB / name).read_bytes())
    told.update(f"{node_version()} {os.uname().machine}".encode())
    return told.hexdigest()


def npm_ci():
    """(exit code, output) of npm ci; the code is None where it took too long."""
    command = ["npm", "ci", "--prefer-offline", "--fetch-retries=1",
               "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000"]
    process = subprocess.Popen(command, cwd=WEB, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=INSTALL_S)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return None, process.communicate()[0]


def install():
    """Whether node_modules is what package-lock.json says; raises NotHere without a registry."""
    kept = WEB / "node_modules" / ".corun-stamp"
    if kept.exists() and kept.read_text() == stamp():
        return True
    print("check_page: npm ci", flush=True)
    code, output = npm_ci()
    if code is None:
        raise NotHere(f"npm's registry does not answer within {INSTALL_S} s")
    if code != 0:
        cause = UNREACHABLE.search(output)
        if cause:
            raise NotHere(f"npm's registry cannot be reached, or lacks the packages ({cause[0]})")
        print(output)
        return False
    kept.write_text(stamp())
    return True


def run(*command):
    """Whether the command ends well; its output goes to ours."""
    print(f"check_page: {' '.join(command)}", flush=True)
    return subprocess.run(command, cwd=WEB, check=False).returncode == 0


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def is_fresh():
    """Whether dist/ is byte for byte what the sources build to."""
    with tempfile.TemporaryDirectory() as folder:
        built, kept = pathlib.Path(folder) / "dist", WEB / "dist"
        if not run("node", "build.mjs", str(built)):
            return False
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
    try:
        require_programs()
        if not install():
            return 1
    except NotHere as lack:
        print(f"check_page: skipped: {lack}")
        return 3
    steps = [lambda: run("npm", "run", "-s", "types"), lambda: run("npm", "run", "-s", "unit"),
             is_fresh, lambda: run("npm", "run", "-s", "browser")]
    good = all([step() for step in steps])
    print(f"check_page: the page {'holds what its tests say' if good else 'FAILED, see above'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
