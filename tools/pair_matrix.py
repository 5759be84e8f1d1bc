#!/usr/bin/env python3
"""Every latency-critical workload beside every other one, all kept running under one corund.

  tools/pair_matrix.py --mode managed --out DIR \\
      --critical 'bert=python3 workloads/reference/infer.py --model bert-base --load 0.3' \\
      --other 'gpt2=python3 workloads/reference/train.py --model gpt2' --load 0.16 --load 0.3

Starts all workloads once, under `corun run`, and drives them by the row protocol
(docs/row-protocol.md). A block has each workload alone and each pair under each of the orders
(`--orders`, corund's settings as JSON), in random order; ratios are taken inside a block. While a
critical workload is in no window it is of class normal, so that it closes and arms nothing.
DIR gets windows.jsonl, latencies.csv.gz and env.json; tables are printed. A critical workload whose
program knows the key `load` of `start` (workloads/reference/infer.py) is measured at every --load;
write 'NAME!=COMMAND' for one with a rate of its own.
"""

import argparse
import gzip
import json
import math
import pathlib
import random
import statistics
import sys
import tempfile
import time

import pair_table
import sweep

SETTLE_S = 0.5  # of a window, left out: orders take some tenths of a second after a change


class Workload:
    """`NAME=COMMAND` of the command line."""

    def __init__(self, text, critical, loads):
        self.name, _, self.command = text.partition("=")
        self.critical = critical
        self.own_rate = self.name.endswith("!")
        self.name = self.name.rstrip("!")
        if not self.name or not self.command:
            raise SystemExit(f"pair_matrix: error: '{text}' is not NAME=COMMAND")
        self.loads = [None] if self.own_rate or not critical else loads


def plan(arguments):
    """Windows [(block, kind, critical, load, other, orders)], shuffled inside each block."""
    chance, all_windows = random.Random(arguments.seed), []
    for block in range(arguments.blocks):
        windows = [(block, "alone", c.name, load, None, None)
                   for c in arguments.criticals for load in c.loads]
        windows += [(block, "alone", None, None, o.name, None) for o in arguments.others]
        for number, orders in enumerate(arguments.orders):
            for c in arguments.criticals:
                for load in c.loads:
                    main = load in (None, arguments.main_load)
                    if not main and (number != 0 or block == 0):
                        continue  # other loads: under the first orders, from the second block on
                    if number != 0 and block != 0 and not arguments.repeat_orders:
                        continue  # other orders: in the first block
                    windows += [(block, "pair", c.name, load, o.name, orders)
                                for o in arguments.others]
        chance.shuffle(windows)
        all_windows += windows
    return all_windows


def measure(arguments, tenants, control):
    base = sweep.ask(control, {"op": "settings"})["settings"]
    rows, begin = [], time.monotonic()
    with gzip.open(arguments.out / "latencies.csv.gz", "wt") as latencies:
        latencies.write("window,scheduled_us,latency_ms\n")
        for number, window in enumerate(plan(arguments), 1):
            if time.monotonic() - begin > arguments.stop_after:
                print(f"stopped after {arguments.stop_after:g} s, before window {number}")
                break
            row, requests = measure_one(arguments, tenants, control, base, number, window)
            rows.append(row)
            latencies.writelines(f"{number},{s:.0f},{ms:.4f}\n" for s, ms in requests)
            with (arguments.out / "windows.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            tell(row)
    return rows


def measure_one(arguments, tenants, control, base, number, window):
    block, kind, critical, load, other, orders = window
    sweep.ask(control, {"op": "settings", **base, **json.loads(orders or "{}")})
    if critical:
        sweep.ask(control, {"op": "set", "workload": critical, "class": "latency-critical"})
    try:
        inside = [name for name in (critical, other) if name]
        extra = {critical: {"load": load} if load is not None else {}}
        seconds = arguments.window + SETTLE_S
        sweep.start([(tenants[name], extra.get(name, {})) for name in inside], number, seconds,
                    1000 + block)
        found = {name: sweep.figures(tenants[name], seconds, SETTLE_S) for name in inside}
    finally:
        status = sweep.ask(control, {"op": "status"})["status"]
        if critical:
            sweep.ask(control, {"op": "set", "workload": critical, "class": "normal"})
    row = {"window": number, "block": block, "kind": kind, "critical": critical, "load": load,
           "other": other, "orders": orders, "seconds": arguments.window,
           "gpu_time": status["gpu_time"],
           "gpu": {f["name"]: f["value"] for f in status["figures"]},
           "figures": {w["name"]: {f["name"]: f["value"] for f in w["figures"]}
                       for w in status["workloads"] if w["name"] in (critical, other)}}
    requests = []
    for name, (figures, latencies) in found.items():
        row["c" if name == critical else "o"] = figures
        requests += latencies
    return row, requests


def tell(row):
    parts = [f"{row['block']} {row['kind']:5} {row['critical'] or '-':8} {row['load'] or '':4} "
             f"{row['other'] or '-':12} {row['orders'] or '':20}"]
    if "c" in row:
        parts.append(f"{row['c']['rate']:.1f}/s p50 {row['c'].get('p50', 0):.3f} "
                     f"p99 {row['c'].get('p99', 0):.3f} ms")
    if "o" in row:
        parts.append(f"{row['o']['rate']:.2f}/s")
    print(" | ".join(parts), flush=True)


def together(arguments, tenants, control, text, rows):
    """Several others at once under the policy `fair`; their shares of the measured GPU time."""
    weights = {name: float(weight) for name, weight in
               (part.split("=") for part in text.split(","))}
    sweep.ask(control, {"op": "settings", "policy": "fair"})
    for name, weight in weights.items():
        sweep.ask(control, {"op": "set", "workload": name, "weight": weight, "class": "normal"})
    sweep.start([(tenants[name], {}) for name in weights], 0, arguments.together_seconds, 1)
    time.sleep(1.25)  # orders are there
    series, found = [gpu_seconds(control)], {}
    for _ in range(int(arguments.together_seconds - 1.5)):
        time.sleep(1)
        series.append(gpu_seconds(control))
    after, middle = series[-1], series[max(0, len(series) - 11)]  # the last 10 s
    keep_slices(arguments, control)
    for name in weights:
        found[name] = sweep.figures(tenants[name], arguments.together_seconds, SETTLE_S)[0]
    used = {name: after[name] - middle[name] for name in weights}
    alone = {name: statistics.fmean([r["o"]["rate"] for r in rows if r["kind"] == "alone"
                                     and r["other"] == name] or [math.nan]) for name in weights}
    row = {"together": weights, "seconds": arguments.together_seconds, "gpu_seconds": used,
           "series": [{name: one[name] for name in weights} for one in series],
           "rates": {name: found[name]["rate"] for name in weights},
           "rate_over_alone": {name: found[name]["rate"] / alone[name] for name in weights},
           "shares": {name: used[name] / sum(used.values()) for name in weights}}
    print("together:", weights, "shares of the last 10 s:",
          {name: round(share, 4) for name, share in row["shares"].items()},
          "sum of rates over alone:",
          f"{sum(row['rate_over_alone'].values()):.4f}", flush=True)
    with (arguments.out / "together.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    for name in weights:
        sweep.ask(control, {"op": "set", "workload": name, "weight": 1, "class": "best-effort"})


def keep_slices(arguments, control):
    """Who had the GPU when, of the last seconds that corund remembers."""
    since, entries = 0, []
    while True:
        reply = sweep.ask(control, {"op": "slices", "since": since})
        entries += reply["entries"]
        since = reply["next"]
        if not reply["more"]:
            break
    with gzip.open(arguments.out / f"slices-{time.monotonic_ns()}.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries[-6000:])


def gpu_seconds(control):
    status = sweep.ask(control, {"op": "status"})["status"]
    return {w["name"]: next(f["value"] for f in w["figures"] if f["name"] == "gpu_seconds")
            for w in status["workloads"]}


def idle_cost(control, tenants, seconds):
    """Processor time of corund and of the workloads' shim threads while all are idle."""
    def spent():
        found = {}
        status = sweep.ask(control, {"op": "status"})["status"]
        pids = {"corund": status["pid"]}
        pids.update({w["name"]: w["sessions"][0]["pid"] for w in status["workloads"]
                     if w["sessions"]})
        for name, pid in pids.items():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                thread = (task / "comm").read_text().strip()
                if name == "corund" or thread.startswith("corun"):
                    run_ns = int((task / "schedstat").read_text().split()[0])
                    found[f"{name}/{thread}/{task.name}"] = run_ns
        return found
    before = spent()
    time.sleep(seconds)
    after = spent()
    cost = {name: (after[name] - before[name]) / 1e9 / seconds
            for name in after if name in before}
    print("idle, share of a core:", json.dumps({k: round(v, 5) for k, v in cost.items()}))
    print(f"idle, all of corun over {len(tenants)} workloads: "
          f"{sum(cost.values()) / len(tenants):.5f} of a core each")
    return cost


def started(arguments, scratch, tenants):
    base = [str(arguments.bin / "corun"), "run", "--gpu", arguments.gpu, "--mode", arguments.mode]
    places = sweep.placed()
    everyone = arguments.criticals + arguments.others
    for number, workload in enumerate(everyone):
        service_class = "latency-critical" if workload.critical else "best-effort"
        cpus = places[0 if workload.critical else 1]
        tenants[workload.name] = sweep.Tenant(
            workload.name, workload.command, [*base, "--class", service_class], scratch, cpus)
        if number == 0:  # the first one starts corund, the others find it
            tenants[workload.name].wait_for("initialised", sweep.READY_S)
    for workload in everyone[1:]:
        tenants[workload.name].wait_for("initialised", sweep.READY_S)
    for tenant in tenants.values():
        tenant.send(cmd="warm", max_s=20, window_s=0.4, tolerance=0.1)
        tenant.wait_for("ready", 60)
    control = sweep.daemon_socket(scratch)
    for workload in arguments.criticals:
        sweep.ask(control, {"op": "set", "workload": workload.name, "class": "normal"})
    return control


def run(arguments, scratch):
    arguments.out.mkdir(parents=True, exist_ok=True)
    sweep.use_place(arguments.bin, scratch)
    tenants = {}
    try:
        control = started(arguments, scratch, tenants)
        status = sweep.ask(control, {"op": "status"})["status"]
        env = sweep.environment(arguments, status)
        if arguments.idle:
            env["idle_cost"] = idle_cost(control, tenants, arguments.idle)
        (arguments.out / "env.json").write_text(json.dumps(env, indent=1) + "\n")
        print(f"{status['gpu']['name']}, backend {status['backend']}, slices {status['slices']}, "
              f"GPU time {status['gpu_time']}")
        rows = measure(arguments, tenants, control)
        for text in arguments.together:
            together(arguments, tenants, control, text, rows)
        pair_table.tell([arguments.out])
    finally:
        sweep.stop_all(tenants.values(), arguments.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=sweep.ROOT / "build" / "bin")
    parser.add_argument("--gpu", default="auto", help="real or simulated[:PROFILE]")
    parser.add_argument("--mode", choices=["managed", "managed-mps"], default="managed")
    parser.add_argument("--critical", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--other", action="append", required=True, metavar="NAME=COMMAND")
    parser.add_argument("--load", action="append", type=float, default=[], metavar="FRACTION",
                        help="the first is the main one, measured in every block")
    parser.add_argument("--orders", action="append", default=[], metavar="JSON")
    parser.add_argument("--repeat-orders", action="store_true",
                        help="all orders in every block, not only the first ones")
    parser.add_argument("--window", type=float, default=2.5, metavar="SECONDS")
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--together", action="append", default=[], metavar="NAME=WEIGHT,...",
                        help="at the end, these at once, by weight")
    parser.add_argument("--together-seconds", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--idle", type=float, default=0, metavar="SECONDS",
                        help="first measure what corun costs while all are idle")
    parser.add_argument("--stop-after", type=float, default=1e9, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    arguments.orders = arguments.orders or ["{}"]
    arguments.main_load = arguments.load[0] if arguments.load else None
    arguments.criticals = [Workload(c, True, arguments.load or [None]) for c in arguments.critical]
    arguments.others = [Workload(o, False, []) for o in arguments.other]
    for text in arguments.orders:
        json.loads(text)
    try:
        with tempfile.TemporaryDirectory(prefix="corun-matrix-") as scratch:
            run(arguments, pathlib.Path(scratch))
    except sweep.Failed as error:
        print(f"pair_matrix: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
