#!/usr/bin/env python3
"""How fast workloads go to host memory and come back, and two that do not fit taking turns.

  tools/parking_trial.py --size 2 --size 8 --rotate 16 --capacity 24 --seconds 120 --out DIR

Sizes are GiB of device memory that a workload holds. Parking: each size is parked and resumed
--rounds times through corund, and must compute the same afterwards. Rotating: two workloads of
--rotate GiB each on a GPU that corund makes --capacity GiB large (`memory_capacity`), policy
`rotate`, nobody away for longer than --longest-away. Told are each one's progress, its longest
time without, and all work over that of one alone for the same time. DIR gets moves.jsonl,
rotate.json and env.json.
"""

import argparse
import concurrent.futures
import json
import pathlib
import sys
import tempfile
import time

import sweep

GIB = 1 << 30


class Place:
    def __init__(self, arguments, scratch):
        self.scratch, self.control = scratch, None
        self.base = [str(arguments.bin / "corun"), "run", "--gpu", arguments.gpu,
                     "--mode", "managed"]

    def tenant(self, name, gib):
        command = f"corun-synthetic train --kernel-us 1000 --memory {gib:g}GiB"
        tenant = sweep.Tenant(name, command, self.base, self.scratch, None)
        tenant.wait_for("initialised", sweep.READY_S)
        tenant.send(cmd="warm", max_s=20, window_s=0.4, tolerance=0.1)
        tenant.wait_for("ready", 60)
        self.control = sweep.daemon_socket(self.scratch)
        return tenant

    def ask(self, **request):
        return sweep.ask(self.control, request)

    def figures(self, name):
        status = self.ask(op="status")["status"]
        workload = next(w for w in status["workloads"] if w["name"] == name)
        return {f["name"]: f["value"] for f in workload["figures"]}


def window(tenants, number, seconds):
    """Per tenant its progress [(t_us, items)] in a window of all of them, and its `done` line."""
    sweep.start([(tenant, {}) for tenant in tenants], number, seconds, number)
    # All at once: a tenant drops its progress where nobody reads it.
    with concurrent.futures.ThreadPoolExecutor(len(tenants)) as readers:
        rows = list(readers.map(lambda tenant: sweep.collect(tenant, 3 * seconds + 60), tenants))
    return {tenant.name: (progress, done) for tenant, (progress, _, done) in zip(tenants, rows)}


def moves(place, arguments, out):
    for size in arguments.size:
        name = f"holds-{size:g}"
        tenant = place.tenant(name, size)
        for number in range(arguments.rounds):
            times = {}
            before = place.figures(name)["moved_bytes"] or 0
            for operation in ("park", "resume"):
                begin = time.monotonic()
                place.ask(op=operation, workload=name)
                times[operation] = time.monotonic() - begin
            done = window([tenant], number + 1, 0.5)[name][1]
            moved = place.figures(name)["moved_bytes"] - before
            row = {"gib": size, "round": number, "park_s": times["park"],
                   "resume_s": times["resume"], "moved_bytes": moved,
                   "right": done.get("checksum_ok")}
            print(json.dumps(row), flush=True)
            with (out / "moves.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
        tenant.stop()


def longest_gap_s(progress, seconds):
    last, longest = (0.0, 0), 0.0
    for t, items in progress:
        if items > last[1]:
            longest, last = max(longest, t - last[0]), (t, items)
    return max(longest, seconds * 1e6 - last[0]) / 1e6


def rotate(place, holder, arguments, out):
    first = place.tenant("first", arguments.rotate)
    holder.stop()  # from here on `first` keeps corund: the share of an idle third would count
    alone = window([first], 1, 4.0)["first"][0]
    rate = sweep.at(alone, 4e6) / 4.0
    place.ask(op="settings", policy="rotate", memory_capacity_bytes=int(arguments.capacity * GIB),
              longest_away_s=arguments.longest_away)
    begin = time.monotonic()
    second = place.tenant("second", arguments.rotate)
    print(f"the second one is ready after {time.monotonic() - begin:.1f} s", flush=True)
    found = window([first, second], 2, arguments.seconds)
    work = {name: sweep.at(progress, arguments.seconds * 1e6) / (rate * arguments.seconds)
            for name, (progress, _) in found.items()}
    row = {"gib_each": arguments.rotate, "capacity_gib": arguments.capacity,
           "longest_away_s": arguments.longest_away, "seconds": arguments.seconds,
           "alone_items_per_s": rate, "work_over_alone": work, "work_sum": sum(work.values()),
           "longest_without_progress_s": {
               name: longest_gap_s(progress, arguments.seconds)
               for name, (progress, _) in found.items()},
           "right": {name: done.get("checksum_ok") for name, (_, done) in found.items()},
           "figures": {name: place.figures(name) for name in found},
           "progress": {name: progress[::40] for name, (progress, _) in found.items()}}
    (out / "rotate.json").write_text(json.dumps(row) + "\n")
    print(json.dumps({key: value for key, value in row.items()
                      if key not in ("figures", "progress")}), flush=True)
    first.stop()
    second.stop()


def run(arguments, scratch):
    arguments.out.mkdir(parents=True, exist_ok=True)
    sweep.use_place(arguments.bin, scratch)
    place = Place(arguments, scratch)
    holder = place.tenant("holder", 0.1)  # keeps the daemon while others come and go
    try:
        status = place.ask(op="status")["status"]
        (arguments.out / "env.json").write_text(
            json.dumps(sweep.environment(arguments, status), indent=1) + "\n")
        moves(place, arguments, arguments.out)
        if arguments.rotate:
            rotate(place, holder, arguments, arguments.out)
    finally:
        holder.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=sweep.ROOT / "build" / "bin")
    parser.add_argument("--gpu", default="auto", help="real or simulated[:PROFILE]")
    parser.add_argument("--size", type=float, action="append", default=[], metavar="GIB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rotate", type=float, default=0, metavar="GIB")
    parser.add_argument("--capacity", type=float, default=24, metavar="GIB")
    parser.add_argument("--longest-away", type=float, default=30, metavar="SECONDS")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.bin, arguments.mode, arguments.seed = arguments.bin.resolve(), "managed", 0
    try:
        with tempfile.TemporaryDirectory(prefix="corun-parking-") as scratch:
            run(arguments, pathlib.Path(scratch))
    except sweep.Failed as error:
        print(f"parking_trial: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
