#!/usr/bin/env python3
"""corun's LibTorch programs beside PyTorch: the same model, in turn, several times.

  tools/torch_parity.py --bin build-torch/bin [--cases all] [--repetitions 5] [--seconds 10]

Run it with the Python that has PyTorch. In each repetition both sides run, in the order ABBA, so
that a machine that drifts favours neither. Prints a line of JSON a run, then one a case: the
geometric mean of the ratios (corun's rate over PyTorch's), its 95 % interval (Student's t on
logarithms), the goal, and whether it is met: true or false, or null where the interval holds the
goal. Exit codes: 0; 1 a run failed; 2 usage; 3 this Python has no PyTorch.
"""

import argparse
import importlib.util
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "workloads" / "reference"
# 97.5 % quantiles of Student's t for 1, 2, 3, ... degrees of freedom; beyond: the normal one.
STUDENT_T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179,
             2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093]


class Failed(Exception):
    pass


def measured(model, settings, key):
    """Both sides of an inference case, by `key` of their lines."""
    return {"ours": ["corun-infer-torch", "--measure", "{seconds}s", "--device", "{device}",
                     "--model", f"{model},{settings}"], "key": key}


def replayed(model, batch, key):
    case = measured(model, f"max-batch={batch}", key)
    case["theirs"] = ["replay.py", "--model", model, "--batch", str(batch),
                      "--seconds", "{seconds}", "--device", "{device}"]
    return case


def trained(batch):
    """Rates stand in the summaries of both."""
    return {"ours": ["corun-train", "--model", "resnet50", "--batch", str(batch), "--device",
                     "{device}", "--duration", "{seconds}s"],
            "theirs": ["train.py", "--model", "resnet50", "--batch", str(batch), "--device",
                       "{device}", "--duration", "{seconds}"], "key": "throughput"}


# `goal`: of the ratio, or of our own figure where there is no other side.
CASES = {
    "bert-base-graph": replayed("bert-base", 1, "p50_us") | {"goal": 0.95},
    "bert-base-graph-rate": replayed("bert-base", 1, "items_per_s") | {"goal": 0.95},
    "bert-base-b8-graph-rate": replayed("bert-base", 8, "items_per_s") | {"goal": 0.95},
    "resnet50-b8-graph-rate": replayed("resnet50", 8, "items_per_s") | {"goal": 0.95},
    "resnet50-training-b32": trained(32) | {"goal": 0.97},
    "resnet50-training-b128": trained(128) | {"goal": 0.97},
    "llama-8b-decode": measured("llama-8b", "max-batch=1,context=2048",
                                "of_copy_bandwidth") | {"goal": 0.70},
    "llama-1b-decode": measured("llama-1b", "max-batch=1,context=2048",
                                "of_copy_bandwidth") | {"goal": None},
}


def figure(text, key):
    """`key` of a line of JSON, or of a summary ("throughput  412.3 samples/s"); times as rates."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            value = json.loads(line).get(key)
            if value is None:
                raise Failed(f"the line of figures has no {key}; give more --seconds")
            return 1e6 / value if key.endswith("_us") else value
    found = re.search(rf"^{key}\s+(\S+)", text, re.MULTILINE)
    if not found:
        raise Failed(f"there is no {key} in what it printed")
    return float(found.group(1))


def run(command, key):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Failed(f"{' '.join(map(str, command))}: exit code {done.returncode}: {last}")
    return figure(done.stdout, key)


def commands(case, options):
    """{side: command} with the options' values in it."""
    def filled(words):
        return [word.format(seconds=f"{options.seconds:g}", device=options.device)
                for word in words]

    ours, both = filled(case["ours"]), {}
    both["ours"] = [options.bin / ours[0], *ours[1:]]
    if "theirs" in case:
        theirs = filled(case["theirs"])
        both["theirs"] = [sys.executable, REFERENCE / theirs[0], *theirs[1:]]
    return both


def estimate(values):
    """Geometric mean and its 95 % interval; None for the bounds of a single value."""
    logs = [math.log(value) for value in values]
    middle = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(middle), None, None
    degrees = len(logs) - 1
    quantile = STUDENT_T[degrees - 1] if degrees <= len(STUDENT_T) else 1.96
    half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def met(goal, low, high):
    """True or False where the whole interval lies on one side of the goal, else None."""
    if goal is None or low is None or low < goal <= high:
        return None
    return low >= goal


def measure(name, case, options):
    """Runs a case, prints a line a run, and returns the case's line."""
    sides, ratios, found = commands(case, options), [], {"ours": [], "theirs": []}
    for repetition in range(options.repetitions):
        order = list(sides) if repetition % 2 == 0 else list(reversed(sides))
        for side in order:
            value = run(sides[side], case["key"])
            found[side].append(value)
            print(json.dumps({"case": name, "repetition": repetition, "side": side,
                              "figure": value}), flush=True)
        ratios.append(found["ours"][-1] / found["theirs"][-1] if "theirs" in sides
                      else found["ours"][-1])
    ratio, low, high = estimate(ratios)
    return {"case": name, "of": case["key"], "n": len(ratios), "ours": statistics.median(
                found["ours"]), "theirs": statistics.median(found["theirs"]) if found["theirs"]
            else None, "ratio": ratio, "low": low, "high": high, "goal": case["goal"],
            "met": met(case["goal"], low, high)}


def chosen(text):
    names = list(CASES) if text == "all" else text.split(",")
    unknown = [name for name in names if name not in CASES]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"there is no case '{unknown[0]}'; use some of {', '.join(CASES)}")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--cases", type=chosen, default="all", metavar="NAME,...")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="of each run")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    options = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        print("torch_parity: error: this Python has no torch; run it with one that has",
              file=sys.stderr)
        return 3
    code = 0
    for name in options.cases:
        try:
            print(json.dumps(measure(name, CASES[name], options)), flush=True)
        except (Failed, OSError) as error:
            print(f"torch_parity: error: {name}: {error}", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
