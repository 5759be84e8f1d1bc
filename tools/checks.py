#!/usr/bin/env python3
"""Runs the project's checks with a time budget each, and counts what passed.

  tools/checks.py quick|test|deep|tidy     run the steps of a set (see SETS)
  tools/checks.py STEP...                  run single steps
  tools/checks.py total SET...             add up the last results; last line `N passed, N failed`
  tools/checks.py list                     the steps, their budgets and commands

Every step writes build/checks/STEP.json. A step that `may_skip` says with exit code 3 that it
cannot run here, which counts as skipped; in every other step it is a failure. Budgets are for two
idle cores without a compiler cache; `test` stays below 15 minutes, all of CI below 40. A step over
its budget is told; one that takes twice its budget is stopped and fails. CORUN_CHECKS_SLOWER=3
triples the budgets.
"""

import dataclasses
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "checks"
JOBS = os.cpu_count() or 2
STOPPED_AFTER_BUDGETS = 2
NOT_HERE = 3  # corun's own exit code for what this machine cannot do


@dataclasses.dataclass(frozen=True)
class Step:
    """One check: a shell command that exits with 0 when all is well."""

    name: str
    help: str
    command: str
    budget_s: int
    junit: str = ""  # ctest's result file: its test cases are counted instead of the step
    needs: str = ""  # a step that must have passed, else this one fails without running
    may_skip: bool = False  # exit code 3 is "cannot run here"


def ctest(name, build_dir, options, jobs):
    """ctest in `build_dir`; the counts come from its own JUnit file."""
    junit = f"build/checks/{name}.xml"
    # until-pass:2: what lives in wall time may once lose its processor to another program.
    command = (
        f"ctest --test-dir {build_dir} --output-on-failure --no-tests=error -j{jobs} "
        f"--repeat until-pass:2 --output-junit {ROOT / junit} {options}"
    )
    return command, junit


def ctest_step(name, help_text, build_dir, needs, budget_s, options="", prefix="", jobs=JOBS):
    command, junit = ctest(name, build_dir, options, jobs)
    return Step(name, help_text, prefix + command, budget_s, junit, needs)


# TSan's shadow memory does not fit every address layout of new kernels; setarch -R fixes it.
NO_ASLR = "setarch $(uname -m) -R "
TSAN_ROOMS = ["core", "gpu", "simgpu_node", "modes", "benchmarking", "shim"]
TSAN_TARGETS = " ".join(f"test_{room}" for room in TSAN_ROOMS)
TSAN_LABELS = "^(" + "|".join(TSAN_ROOMS) + ")$"
SANITIZER_OPTIONS = (
    "ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 "
)

# Suites whose programs judge times that instrumentation stretches; the release build runs them.
REAL_TIME = ("^(cli.Simulated(Bench|Run)|workloads.(On|ReplayOn)TheSimulatedGpu|fault[.]|"
             "daemon.MeasuredTest|monitoring.prometheus$|"
             "simgpu_node.(ChannelGroups|SwitchRecord)|workloads_training|"
             "workloads_inference.(server|rows|gpu_models|load)$)")
# A program that ends by SIGSEGV on purpose, which sanitizers take for themselves.
SEGV = "^simgpu_node.Checkpoint.LookingAtTheDevice"
# Its program is built without sanitizers, as what corun runs is, and cannot load the simulated
# driver of a build that has them.
PLAIN_PROGRAM = "^shim_node.*(Coverage|TwoGpus|Graphs|Streams|Captures|Instantiated)"
# Minutes of simulated time in one thread: 20 to 120 s each under ASan, which finds nothing there
# that the same code's other tests do not reach; two of the ten shards of seeds do as well.
LONG = ("^simgpu.(EngineCalibration|Measured)|^sim.Sim/Seeds.*/[2-9]$|"
        "^sim.Simulation.(Gates|AMissingRescue|EndsTheSame)|^policy.Rotate(Memory|Smaller)|"
        "^core.Bootstrap.BlocksCover|^monitoring.History.AYear")

STEPS = [
    Step("rooms", "includes and links keep tools/rooms.txt", "tools/check_rooms.py", 30),
    Step("style", "sizes, banned calls, markers, READMEs", "tools/check_style.py", 30),
    Step("format", "clang-format", "tools/format.sh --check", 60),
    Step("build", "gcc, release", "cmake --preset release && cmake --build --preset release", 600),
    # Twice the processors: the suites that wait more than they compute run only here.
    ctest_step("ctest", "all tests", "build", "build", 360, jobs=2 * JOBS),
    Step("dist", "the tree of make dist runs anywhere",
         "tools/make_dist.py && tools/check_dist.py", 60, needs="build"),
    Step("report", "report.html in a browser", "tools/check_report.py", 120, needs="build"),
    # Skips itself where npm's registry cannot be reached; half of the budget is for its packages.
    Step("page", "the page of corun serve: types, units, dist/, and every view in a browser",
         "tools/check_page.py", 120, may_skip=True),
    Step("clang", "clang, debug, ASan and UBSan: everything, with the fuzzers",
         "cmake --preset fuzz && cmake --build --preset fuzz", 720),
    ctest_step("ctest-asan", "all tests under ASan and UBSan", "build/fuzz", "clang", 600,
               f"-E '{REAL_TIME}|{PLAIN_PROGRAM}|{SEGV}|{LONG}'", prefix=SANITIZER_OPTIONS),
    Step("fuzz", "every fuzzer over its corpus, and a short search",
         "tools/run_fuzzers.py build/fuzz/fuzz", 180, needs="clang"),
    Step("alone", "clang, debug: every source compiles alone, which the others' batches hide",
         "cmake --preset tidy && cmake --build --preset tidy", 720),
    Step("headers", "every header compiles alone",
         "cmake --build --preset tidy --target all_verify_interface_header_sets", 240,
         needs="alone"),
    Step("tidy", "clang-tidy over all sources", "tools/tidy.sh build/tidy", 900, needs="alone"),
    Step("tsan-build", "gcc with TSan: the threaded suites",
         f"cmake --preset tsan && cmake --build --preset tsan --target {TSAN_TARGETS}", 480),
    ctest_step("ctest-tsan", "the threaded suites under TSan", "build/tsan", "tsan-build", 300,
               f"-L '{TSAN_LABELS}' -E '{REAL_TIME}|{SEGV}|{LONG}'", NO_ASLR),
]
QUICK = ["rooms", "style", "format"]
SETS = {
    "quick": QUICK,
    "test": QUICK + ["build", "ctest", "dist", "report", "page"],
    # Not tidy and headers: 10 and 3 minutes on two cores, which would take all of CI above 40.
    "deep": ["clang", "ctest-asan", "fuzz", "tsan-build", "ctest-tsan"],
    "tidy": ["alone", "headers", "tidy"],
}


def count_cases(junit):
    """(passed, failed, skipped) of a ctest JUnit file; nothing when there is no readable one."""
    try:
        suite = ElementTree.parse(ROOT / junit).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    states = [case.get("status") for case in suite.iter("testcase")]
    skipped = sum(state in ("notrun", "disabled") for state in states)
    failed = sum(state == "fail" for state in states)
    return len(states) - skipped - failed, failed, skipped


def run_command(step):
    """(exit code, seconds): 124 when the step was stopped."""
    begin = time.monotonic()
    budget_s = step.budget_s * float(os.environ.get("CORUN_CHECKS_SLOWER", "1"))
    process = subprocess.Popen(["bash", "-c", step.command], cwd=ROOT, start_new_session=True)
    try:
        code = process.wait(timeout=STOPPED_AFTER_BUDGETS * budget_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        code = 124
    seconds = time.monotonic() - begin
    if seconds > budget_s:
        print(f"checks: {step.name}: over its budget of {budget_s:g} s", flush=True)
    return code, seconds


def result_of(name):
    try:
        return json.loads((RESULTS / f"{name}.json").read_text())
    except (OSError, ValueError):
        return None


def passed(name):
    result = result_of(name)
    return result is not None and result["code"] == 0


def failed(name):
    result = result_of(name)
    return result is None or result["failed"] > 0


def run_step(step):
    """Runs one step and writes its result; returns whether it did not fail."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{step.name}.json").unlink(missing_ok=True)
    if step.junit:
        (ROOT / step.junit).unlink(missing_ok=True)
    print(f"\n== {step.name}: {step.help}", flush=True)
    if step.needs and not passed(step.needs):
        print(f"checks: {step.name}: not run, because {step.needs} failed", flush=True)
        code, seconds = 1, 0.0
    else:
        code, seconds = run_command(step)
    counts = count_cases(step.junit) if step.junit else None
    not_here = step.may_skip and code == NOT_HERE
    good, bad, skipped = counts or (int(code == 0), int(code != 0 and not not_here), int(not_here))
    if code != 0 and bad == 0 and not not_here:
        bad = 1  # the runner itself failed
    result = {"step": step.name, "code": code, "seconds": round(seconds, 1),
              "passed": good, "failed": bad, "skipped": skipped}
    (RESULTS / f"{step.name}.json").write_text(json.dumps(result) + "\n")
    return bad == 0


def summary(names):
    """Prints a line per step; returns the sums (passed, failed, skipped)."""
    sums = [0, 0, 0]
    print()
    for name in names:
        result = result_of(name) or {"code": 1, "seconds": 0, "passed": 0, "failed": 1,
                                     "skipped": 0}
        state = "FAILED" if result["failed"] else "ok" if result["code"] == 0 else "skipped"
        print(f"  {name:12} {state:7} {result['seconds']:7.1f} s   {result['passed']} passed, "
              f"{result['failed']} failed, {result['skipped']} skipped")
        for i, key in enumerate(("passed", "failed", "skipped")):
            sums[i] += result[key]
    return sums


def expand(words):
    """Step names for sets and steps, each once, in the given order."""
    by_name = {step.name for step in STEPS}
    names = []
    for word in words:
        if word not in SETS and word not in by_name:
            raise SystemExit(f"checks: error: no step or set '{word}'; see tools/checks.py list")
        # `tidy` is both a set and a step: the set stands for it on the command line.
        names += [name for name in SETS.get(word, [word]) if name not in names]
    return names


def list_steps():
    for step in STEPS:
        print(f"{step.name:12} {step.budget_s:4d} s  {step.help}\n{'':20}{step.command}")


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    if arguments[0] == "list":
        list_steps()
        return 0
    if arguments[0] == "total":
        good, bad, skipped = summary(expand(arguments[1:]))
        print(f"\n{good} passed, {bad} failed" + (f", {skipped} skipped" if skipped else ""))
        return 0 if bad == 0 and good > 0 else 1
    names = expand(arguments)
    steps = {step.name: step for step in STEPS}
    all_passed = all([run_step(steps[name]) for name in names])
    good, bad, skipped = summary(names)
    rerun = " ".join(shlex.quote(name) for name in names if failed(name))
    if not all_passed:
        print(f"\nchecks: failed; run again with: tools/checks.py {rerun}")
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
