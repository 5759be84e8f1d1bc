#!/usr/bin/env python3
"""What corun costs a program that has the GPU to itself: each command twice, with and without it.

  tools/shim_overhead.py --command 'bert=python3 workloads/reference/infer.py --eager --rate 1' \\
      --rounds 20 --out DIR

Every command is started once by itself and once under `corun run`, on the same processors. In each
round each copy works alone for --seconds (the row protocol's `warm`), in random order, while all
others are idle; ratios are taken inside a round. `watched` is under corun beside an idle
latency-critical workload, so that gates are waited for. DIR gets rounds.jsonl and env.json; a table
is printed: throughput under corun over throughput without, and its 95 % interval.

With --requests each copy answers requests back to back (a closed loop that tells its requests'
times, as `infer.py --closed` does) in windows of --seconds (0.05): the two one after the other in
random order, --pairs of such pairs in a round, so that a processor that is slow for a while is slow
for both. The times of requests are compared pair by pair, their median and their first quartile;
the first two of each window are left out (caches were the other one's). DIR gets pairs.jsonl.
"""

import argparse
import json
import math
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time

import sweep

IDLE = "idle-critical"
FIRST_REQUESTS = 2  # of a window, left out


def rate_of(tenant, seconds):
    """Items a second of a closed loop: the median of three windows, which `warm` makes."""
    tenant.read()
    tenant.send(cmd="warm", max_s=8 * seconds, window_s=seconds / 3, tolerance=0.5)
    for message in tenant.wait_for("ready", 20 + 8 * seconds):
        if message["type"] == "ready":
            return message["rate"]
    return None


def requests_of(tenant, number, seconds):
    """Quantiles of the times of requests that are made back to back, ms."""
    sweep.start([(tenant, {})], number, seconds, number, lead_s=0.01)
    _, latencies, _ = sweep.collect(tenant, 20 + 8 * seconds)
    times = [ms for _, ms in latencies[FIRST_REQUESTS:]]
    if len(times) < 4:
        raise sweep.Failed(f"{tenant.name}: {len(times)} requests in {seconds:g} s are too few")
    return {"requests": len(times), "p25": sweep.percentile(times, 0.25),
            "p50": statistics.median(times)}


def start(arguments, scratch):
    run = [str(arguments.bin / "corun"), "run", "--gpu", arguments.gpu, "--mode", arguments.mode]
    cpus = sorted(os.sched_getaffinity(0))
    place = set(cpus[1:1 + arguments.processors]) if len(cpus) >= 10 else None
    tenants = {}
    for text in arguments.command:
        name, _, command = text.partition("=")
        tenants[name, "corun"] = sweep.Tenant(
            name, command, [*run, "--class", "best-effort"], scratch, place)
        if len(tenants) == 1:
            tenants[name, "corun"].wait_for("initialised", sweep.READY_S)
        tenants[name, "plain"] = sweep.Tenant(f"{name}-plain", command, [], scratch, place)
    tenants[IDLE, ""] = sweep.Tenant(IDLE, "corun-synthetic infer --rate 1",
                                     [*run, "--class", "latency-critical"], scratch, place)
    for key, tenant in list(tenants.items()):
        if key != next(iter(tenants)):
            tenant.wait_for("initialised", sweep.READY_S)
    for tenant in tenants.values():
        tenant.send(cmd="warm", max_s=20, window_s=0.5, tolerance=0.1)
        tenant.wait_for("ready", 60)
    return tenants


def set_free(pid):
    """corund was started by the first workload, on its processors; it may use all."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), range(os.cpu_count()))


def watch(control, watched):
    """Whether the idle workload is one that gates are waited for."""
    service_class = "latency-critical" if watched else "normal"
    sweep.ask(control, {"op": "set", "workload": IDLE, "class": service_class})
    time.sleep(0.05)  # orders reach the shims within a few milliseconds


def rounds_of(arguments):
    begin = time.monotonic()
    for number in range(arguments.rounds):
        if time.monotonic() - begin > arguments.stop_after:
            return
        yield number


def measure(arguments, tenants, control):
    names = list(dict.fromkeys(name for name, kind in tenants if kind))
    chance, rounds = random.Random(arguments.seed), []
    for number in rounds_of(arguments):
        kinds = [(name, kind) for name in names for kind in ("plain", "corun", "watched")]
        chance.shuffle(kinds)
        rates = {}
        for name, kind in kinds:
            watch(control, kind == "watched")
            tenant = tenants[name, "plain" if kind == "plain" else "corun"]
            rates[f"{name}/{kind}"] = rate_of(tenant, arguments.seconds)
        rounds.append(rates)
        with (arguments.out / "rounds.jsonl").open("a") as file:
            file.write(json.dumps({"round": number, "rates": rates}) + "\n")
    print(f"{len(rounds)} rounds; 1 - throughput under corun over that without, per cent")
    summarise_rates(names, rounds)


def measure_requests(arguments, tenants, control):
    names = list(dict.fromkeys(name for name, kind in tenants if kind))
    chance, pairs, window = random.Random(arguments.seed), [], 0
    for number in rounds_of(arguments):
        turns = [(name, watched) for name in names for watched in (False, True)]
        chance.shuffle(turns)
        for name, watched in turns:
            watch(control, watched)
            for _ in range(arguments.pairs):
                pair = {"round": number, "name": name, "watched": watched}
                for kind in chance.sample(("plain", "corun"), 2):
                    window += 1
                    pair[kind] = requests_of(tenants[name, kind], window, arguments.seconds)
                pairs.append(pair)
                with (arguments.out / "pairs.jsonl").open("a") as file:
                    file.write(json.dumps(pair) + "\n")
    print("time of a request under corun over that without, - 1, per cent, of pairs of windows")
    for name in names:
        for watched in (False, True):
            of = [pair for pair in pairs if pair["name"] == name and pair["watched"] == watched]
            if of:
                print(f"{name:12} {'watched' if watched else 'corun':8} {summary_of_pairs(of)}",
                      flush=True)


def summary_of_pairs(pairs):
    """The mean over pairs without a tenth at either end, with a 95 % interval by resampling."""
    typical_ms = statistics.median(pair["plain"]["p50"] for pair in pairs)
    parts = [f"{len(pairs)} pairs of {typical_ms:.3f} ms"]
    for quantile in ("p25", "p50"):
        logs = [math.log(p["corun"][quantile] / p["plain"][quantile]) for p in pairs]
        chance = random.Random(1)
        means = sorted(trimmed(chance.choices(logs, k=len(logs))) for _ in range(400))
        cost, low, high = (100 * math.expm1(x) for x in (trimmed(logs), means[10], means[389]))
        parts.append(f"{quantile} {cost:.2f} [{low:.2f}, {high:.2f}]")
    return ", ".join(parts)


def trimmed(values):
    cut = len(values) // 10
    return statistics.fmean(sorted(values)[cut:len(values) - cut])


def summarise_rates(names, rounds):
    for name in names:
        plain = [r[f"{name}/plain"] for r in rounds]
        drift = statistics.stdev(plain) / statistics.fmean(plain) * 100
        parts = [f"{name:16} {statistics.fmean(plain):10.2f}/s (its own spread {drift:.2f} %)"]
        for kind in ("corun", "watched"):
            logs = [math.log(r[f"{name}/{kind}"] / r[f"{name}/plain"]) for r in rounds]
            mean, reach = statistics.fmean(logs), 0.0
            if len(logs) > 1:
                reach = 2.1 * statistics.stdev(logs) / math.sqrt(len(logs))
            median = statistics.median(logs)
            cost, low, high, middle = (100 * (1 - math.exp(x)) for x in
                                       (mean, mean + reach, mean - reach, median))
            parts.append(f"{kind} {cost:.2f} [{low:.2f}, {high:.2f}], median {middle:.2f}")
        print(" | ".join(parts), flush=True)


def run(arguments, scratch):
    arguments.out.mkdir(parents=True, exist_ok=True)
    sweep.use_place(arguments.bin, scratch)
    tenants = {}
    try:
        tenants.update(start(arguments, scratch))
        control = sweep.daemon_socket(scratch)
        status = sweep.ask(control, {"op": "status"})["status"]
        set_free(status["pid"])
        (arguments.out / "env.json").write_text(
            json.dumps(sweep.environment(arguments, status), indent=1) + "\n")
        (measure_requests if arguments.requests else measure)(arguments, tenants, control)
    finally:
        for tenant in tenants.values():
            tenant.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=sweep.ROOT / "build" / "bin")
    parser.add_argument("--gpu", default="auto", help="real or simulated[:PROFILE]")
    parser.add_argument("--mode", choices=["managed", "managed-mps"], default="managed")
    parser.add_argument("--command", action="append", required=True, metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, help="of a window: 1, with --requests 0.05")
    parser.add_argument("--pairs", type=int, default=10, metavar="N",
                        help="with --requests: pairs of windows in a round")
    parser.add_argument("--processors", type=int, default=4, metavar="N",
                        help="all copies share these; 1 keeps them from differing by processor")
    parser.add_argument("--requests", action="store_true",
                        help="compare the times of requests that are made back to back")
    parser.add_argument("--stop-after", type=float, default=1e9, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    arguments.seconds = arguments.seconds or (0.05 if arguments.requests else 1.0)
    try:
        with tempfile.TemporaryDirectory(prefix="corun-overhead-") as scratch:
            run(arguments, pathlib.Path(scratch))
    except sweep.Failed as error:
        print(f"shim_overhead: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
