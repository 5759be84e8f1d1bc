#!/usr/bin/env python3
"""Published tables of others, measured again beside what they say.

  tools/published.py --mode managed --out DIR [--table nebuly --table tally]
  tools/published.py --mode managed-mps --out DIR2
  tools/published.py --tell DIR DIR2          Markdown, published and measured side by side

What is run, what was published and where, and what differs: tools/published.json
(docs/published.md). All tenants of the tables start once, under `corun run`, and are driven by the
row protocol. A block has each tenant alone and each cell under each way of sharing (`managed`: the
driver's time slicing, and managed; `managed-mps`: MPS, and managed-mps), in random order; ratios
are taken inside a block. A cell may ask for a longer window: its steps are long. DIR gets
windows.jsonl, latencies.csv.gz and env.json.
"""

import argparse
import gzip
import json
import pathlib
import random
import sys
import tempfile
import time

import published_table
import sweep

SETTLE_S = 0.5  # of a window, left out: orders take some tenths of a second after a change


def class_of(tables, name, priorities):
    """The class that a tenant starts with; under MPS it sets the priority of its client."""
    if priorities:
        with_critical = [c for t in tables for c in t["cells"] if published_table.critical(t, c)]
        if any(name == published_table.critical(t, c) for t in tables for c in t["cells"]):
            return "latency-critical"
        if any(name in cell["run"] for cell in with_critical):
            return "best-effort"
    return "normal"


def ways_of(table, mode, priorities):
    """{how the GPU is shared: whether corun decides}."""
    if mode == "managed":
        return {"time-slicing": False, "managed": True}
    if not priorities:
        return {"mps": False}
    has_critical = any(published_table.critical(table, cell) for cell in table["cells"])
    return {"mps-priority" if has_critical else "mps": False, "managed-mps": True}


def plan(tables, mode, priorities, blocks, seed):
    """Windows (block, table or None, cell or None, way or None, {tenant: load}), shuffled inside
    each block; those without a table are of a tenant alone."""
    chance, windows = random.Random(seed), []
    for block in range(blocks):
        alone = {need for t in tables for cell in t["cells"]
                 for need in published_table.needs(cell)}
        inside = [(block, None, None, None, {name: load})
                  for name, load in sorted(alone, key=str)]
        for table in tables:
            for cell in table["cells"]:
                loads = {name: cell.get("loads", {}).get(name) for name in cell["run"]}
                inside += [(block, table, cell, way, loads)
                           for way in ways_of(table, mode, priorities)]
        chance.shuffle(inside)
        windows += inside
    return windows


def orders(control, table, cell, managed, base):
    """Sets what corund does in a window; returns the tenants whose class that changed."""
    if not table:
        sweep.ask(control, {"op": "settings", **base})
        return []
    critical = published_table.critical(table, cell)
    if not managed:
        sweep.ask(control, {"op": "settings", **base, "policy": "none"})
        return []
    policy = base["policy"] if critical else "fair"
    sweep.ask(control, {"op": "settings", **base, "policy": policy})
    for name in cell["run"]:
        service = "normal"
        if critical:
            service = "latency-critical" if name == critical else "best-effort"
        sweep.ask(control, {"op": "set", "workload": name, "class": service,
                            "weight": cell.get("weights", {}).get(name, 1)})
    return cell["run"]


def measure_one(arguments, tenants, control, base, number, window):
    block, table, cell, way, loads = window
    length = max(arguments.window, (cell or {}).get("window", 0))
    seconds = length + SETTLE_S
    managed = way in ("managed", "managed-mps")
    changed = orders(control, table, cell, managed, base)
    try:
        sweep.start([(tenants[name], {} if load is None else {"load": load})
                     for name, load in loads.items()], number, seconds, 1000 + block)
        found = {name: sweep.figures(tenants[name], seconds, SETTLE_S) for name in loads}
    finally:
        for name in changed:
            sweep.ask(control, {"op": "set", "workload": name, "class": "normal", "weight": 1})
    row = {"window": number, "block": block, "table": table and table["name"],
           "cell": cell and cell["name"], "way": way, "loads": loads, "seconds": length,
           "figures": {name: figures for name, (figures, _) in found.items()}}
    return row, [(name, *one) for name, (_, latencies) in found.items() for one in latencies]


def measure(arguments, tables, tenants, control):
    base = sweep.ask(control, {"op": "settings"})["settings"]
    begin = time.monotonic()
    windows = plan(tables, arguments.mode, arguments.priorities, arguments.blocks, arguments.seed)
    with gzip.open(arguments.out / "latencies.csv.gz", "wt") as latencies:
        latencies.write("window,tenant,scheduled_us,latency_ms\n")
        for number, window in enumerate(windows, 1):
            if time.monotonic() - begin > arguments.stop_after:
                print(f"stopped after {arguments.stop_after:g} s, before window {number} of "
                      f"{len(windows)}")
                break
            row, requests = measure_one(arguments, tenants, control, base, number, window)
            latencies.writelines(f"{number},{name},{s:.0f},{ms:.4f}\n" for name, s, ms in requests)
            with (arguments.out / "windows.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            tell(row)


def tell(row):
    said = [f"{row['block']} {row['table'] or 'alone':8} {(row['cell'] or '')[:32]:32} "
            f"{row['way'] or '':12}"]
    for name, one in row["figures"].items():
        latency = f" p50 {one['p50']:.3f} p99 {one['p99']:.3f} ms" if "p99" in one else ""
        said.append(f"{name} {one['rate']:.2f}/s{latency}"
                    f"{'' if one['checksum_ok'] is not False else ' WRONG'}")
    print(" | ".join(said), flush=True)


def started(arguments, tables, scratch, tenants):
    """The control socket of the corund that governs all tenants, once all are warm."""
    base = [str(arguments.bin / "corun"), "run", "--gpu", arguments.gpu, "--mode", arguments.mode]
    commands = published_table.tenants(tables)
    for name, command in commands.items():
        service = class_of(tables, name, arguments.priorities)
        tenants[name] = sweep.Tenant(name, command, [*base, "--class", service], scratch, None)
        if len(tenants) == 1:  # the first one starts corund, the others find it
            tenants[name].wait_for("initialised", sweep.READY_S)
    for tenant in list(tenants.values())[1:]:
        tenant.wait_for("initialised", sweep.READY_S)
    for tenant in tenants.values():  # one by one: beside others nobody's rate settles
        tenant.send(cmd="warm", max_s=20, window_s=0.3, tolerance=0.1)
        tenant.wait_for("ready", 60)
    control = sweep.daemon_socket(scratch)
    for name in commands:
        sweep.ask(control, {"op": "set", "workload": name, "class": "normal"})
    return control


def run(arguments, tables, scratch):
    arguments.out.mkdir(parents=True, exist_ok=True)
    sweep.use_place(arguments.bin, scratch)
    tenants = {}
    try:
        control = started(arguments, tables, scratch, tenants)
        status = sweep.ask(control, {"op": "status"})["status"]
        env = {**sweep.environment(arguments, status), "tool": "published",
               "priorities": arguments.priorities}
        (arguments.out / "env.json").write_text(json.dumps(env, indent=1) + "\n")
        print(f"{status['gpu']['name']}, backend {status['backend']}, slices {status['slices']}")
        measure(arguments, tables, tenants, control)
    finally:
        sweep.stop_all(tenants.values(), arguments.out)
    print(published_table.markdown(tables, [arguments.out]))


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=sweep.ROOT / "build" / "bin")
    parser.add_argument("--gpu", default="auto", help="real or simulated[:PROFILE]")
    parser.add_argument("--mode", choices=["managed", "managed-mps"], default="managed")
    parser.add_argument("--no-priorities", dest="priorities", action="store_false",
                        help="plain MPS: nobody's client has a lower priority, and nothing else")
    parser.add_argument("--tables", type=pathlib.Path, default=published_table.TABLES,
                        metavar="FILE", help="what to run (default: published.json beside this)")
    parser.add_argument("--table", action="append", default=[], metavar="NAME",
                        help="only these (default: all)")
    parser.add_argument("--window", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--stop-after", type=float, default=1e9, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--tell", type=pathlib.Path, nargs="+", metavar="DIR",
                        help="run nothing: print the tables of these folders")
    arguments = parser.parse_args(words)
    if bool(arguments.tell) == bool(arguments.out):
        parser.error("give --out DIR to measure, or --tell DIR ... to print")
    if not arguments.priorities and arguments.mode != "managed-mps":
        parser.error("--no-priorities is about MPS; give --mode managed-mps with it")
    arguments.bin = arguments.bin.resolve()
    return arguments


def main(words):
    arguments = parse(words)
    try:
        tables = published_table.load(arguments.tables, arguments.table)
        if arguments.tell:
            print(published_table.markdown(tables, arguments.tell))
            return 0
        with tempfile.TemporaryDirectory(prefix="corun-published-") as scratch:
            run(arguments, tables, pathlib.Path(scratch))
    except (sweep.Failed, published_table.Wrong) as error:
        print(f"published: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
