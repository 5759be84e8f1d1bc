#!/usr/bin/env python3
"""Runs every fuzzer of a fuzz build over its corpus, then searches for a fixed number of inputs.

  tools/run_fuzzers.py BUILD_DIR/fuzz [--runs N] [--only NAME]

The search starts from a fixed seed, so that a failure here is a failure everywhere; found inputs go
to build/checks/fuzz/. For a long search raise --runs. The canary must fail.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
FOUND = ROOT / "build" / "checks" / "fuzz"
CANARY = "canary"


def run(program, name, runs):
    """libFuzzer's completed process: the corpus once, then `runs` inputs from seed 1."""
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        corpus = [str(CORPUS / name)] if (CORPUS / name).is_dir() else []
        command = [str(program), f"-runs={runs}", "-seed=1", "-max_len=4096", "-timeout=10",
                   "-rss_limit_mb=2048", f"-artifact_prefix={FOUND}/{name}-", scratch] + corpus
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)


def main():
    parser = argparse.ArgumentParser(description="Runs the fuzzers.")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=10000)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    shutil.rmtree(FOUND, ignore_errors=True)
    programs = {path.name.removeprefix("fuzz_"): path
                for path in sorted(arguments.folder.glob("fuzz_*"))}
    names = [arguments.only] if arguments.only else sorted(programs)
    if not names or not set(names) <= set(programs):
        print(f"run_fuzzers: error: no such fuzzer below {arguments.folder}: {names}")
        return 1
    failed = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {name: pool.submit(run, programs[name], name, arguments.runs) for name in names}
        for name, future in runs.items():
            done = future.result()
            as_it_should = (done.returncode != 0) == (name == CANARY)
            print(f"run_fuzzers: {name}: {'ok' if as_it_should else 'FAILED'}", flush=True)
            if not as_it_should:
                print(done.stdout[-4000:])
                failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
