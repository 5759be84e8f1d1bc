#!/usr/bin/env python3
"""What the settings of managed sharing do: one pair of workloads, kept running, under many of them.

  tools/sweep.py --mode managed --critical 'corun-synthetic infer --rate 300' \\
      --other 'corun-synthetic train --kernel-us 1000' \\
      --variant '{}' --variant '{"linger_us": 0, "learn_linger": false}' --out DIR

Starts both workloads once, under `corun run`, and drives them by the row protocol
(docs/row-protocol.md): in every repetition each variant of corund's settings (docs/control-api.md,
`settings`) gets a window, in random order, among windows of either workload alone. Ratios are
taken inside the run: latency over the critical workload's own when it was alone, rate over the
other's when it was alone. The first second of a window is left out. DIR gets windows.jsonl (a line
per window), latencies.csv (every request) and env.json; a table is printed. Needs Python 3.8 and
corun's programs.
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import random
import select
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SETTLE_S = 1.0  # of a window, left out: orders take some tenths of a second after a change
READY_S = 150


class Failed(Exception):
    pass


class Tenant:
    """A workload under `corun run` (its words: `options`), or by itself, driven by the row
    protocol."""

    def __init__(self, name, command, options, folder, cpus):
        self.name, self.lines, self.rest = name, [], b""
        rows, control = (str(folder / f"{name}.{kind}") for kind in ("rows", "control"))
        os.mkfifo(rows)
        os.mkfifo(control)
        self.rows = os.open(rows, os.O_RDONLY | os.O_NONBLOCK)
        env = dict(os.environ, CORUN_WORKLOAD=name, CORUN_ROWS=rows, CORUN_CONTROL=control)
        argv = [*options, "--name", name, "--"] if options else []
        argv += shlex.split(command)
        self.log = open(folder / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            argv, env=env, stdout=self.log, stderr=subprocess.STDOUT,
            preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
        self.control = os.open(control, os.O_RDWR)  # a writer from the start: nobody waits for one

    def send(self, **command):
        os.write(self.control, (json.dumps(command) + "\n").encode())

    def check(self, end):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} ended with code {self.process.returncode}: {self.tail()}")
        if time.monotonic() > end:
            raise Failed(f"{self.name} does not answer: {self.tail()}")

    def tail(self):
        text = pathlib.Path(self.log.name).read_text(errors="replace").strip().splitlines()
        return " | ".join(text[-3:]) or "it said nothing"

    def read(self):
        """Takes in what has been written; returns the new messages."""
        new = []
        while select.select([self.rows], [], [], 0)[0]:
            data = os.read(self.rows, 1 << 16)
            if not data:
                break
            self.rest += data
        *lines, self.rest = self.rest.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["type"] == "error":
                raise Failed(f"{self.name}: {message['text']}")
            new.append(message)
        return new

    def wait_for(self, kind, seconds):
        """All messages up to the first of the kind."""
        end, seen = time.monotonic() + seconds, []
        while True:
            for message in self.read():
                seen.append(message)
                if message["type"] == kind:
                    return seen
            self.check(end)
            time.sleep(0.005)

    def ask_to_stop(self):
        with contextlib.suppress(OSError, Failed):
            self.send(cmd="stop")

    def stop(self):
        if self.process.poll() is None:
            self.ask_to_stop()
        self.wait_for_end()

    def wait_for_end(self):
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def stop_all(tenants, out):
    """Ends them, all at once: a process with a GPU takes seconds. What they said is kept in
    `out`."""
    running = [tenant for tenant in tenants if tenant.process.poll() is None]
    for tenant in running:
        tenant.ask_to_stop()
    for tenant in running:
        tenant.wait_for_end()
    for tenant in tenants:
        text = pathlib.Path(tenant.log.name).read_text(errors="replace")
        if text.strip():
            (out / f"{tenant.name}.log").write_text(text)


def daemon_socket(folder):
    """The control socket of the corund that `corun run` started below the run-time folder."""
    found = [p for p in pathlib.Path(folder).rglob("control.sock") if p.is_socket()]
    if len(found) != 1:
        raise Failed(f"{len(found)} control sockets below {folder}, one was expected")
    return found[0]


def ask(path, request):
    folder = os.open(path.parent, os.O_PATH)  # the address of a socket has 107 bytes at most
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)
        connection.sendall((json.dumps(request) + "\n").encode())
        reply = b""
        while not reply.endswith(b"\n"):
            part = connection.recv(1 << 16)
            if not part:
                break
            reply += part
    answer = json.loads(reply)
    if not answer.get("ok"):
        raise Failed(f"{request}: {answer['error']['what']}")
    return answer


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(p * len(ordered)))]


def at(progress, t_us):
    """Items done at a time, between two samples."""
    before = (0.0, 0)
    for t, items in progress:
        if t >= t_us:
            span = t - before[0]
            share = (t_us - before[0]) / span if span > 0 else 1
            return before[1] + (items - before[1]) * share
        before = (t, items)
    return before[1]


FEW_STEPS = 50  # of a window; of more it does not matter where the last one was cut


def rate(progress, first_us, last_us):
    """Items a second between two times. Where they come in few large steps: from the first step's
    end that lies between them to the last one's, so that no part of a step is guessed."""
    ends, items_before = [], at(progress, first_us)
    for t, items in progress:
        if first_us <= t <= last_us and items > items_before:
            ends.append((t, items))
            items_before = items
    if 2 <= len(ends) <= FEW_STEPS:
        (begin, before), (end, items) = ends[0], ends[-1]
        return (items - before) * 1e6 / (end - begin)
    return (at(progress, last_us) - at(progress, first_us)) * 1e6 / (last_us - first_us)


def start(tenants, number, seconds, seed, lead_s=0.3):
    """Orders a window of all of them that begins in lead_s; returns when, CLOCK_MONOTONIC ns.
    `tenants`: each with what its command has besides."""
    start_ns = time.monotonic_ns() + int(lead_s * 1e9)
    for tenant, extra in tenants:
        tenant.read()
        tenant.send(cmd="start", window=number, at_ns=start_ns, seconds=seconds, seed=seed, **extra)
    return start_ns


def collect(tenant, patience_s):
    """Of a window, until its end: progress [(t_us, items)], latencies [(scheduled_us, ms)], and its
    last message."""
    progress, latencies = [], []
    messages = tenant.wait_for("done", patience_s)
    for message in messages:
        if message["type"] == "progress":
            progress.extend(zip(message["t_us"], message["items"]))
        elif message["type"] == "requests":
            latencies.extend((s, (e - s) / 1e3) for s, e in
                             zip(message["scheduled_us"], message["end_us"]))
    return progress, latencies, messages[-1]


def figures(tenant, seconds, settle_s):
    """A tenant's (figures, latencies) of a window of `seconds`, its first settle_s left out."""
    progress, latencies, done = collect(tenant, 4 * seconds + 20)
    first, last = settle_s * 1e6, seconds * 1e6
    latencies = [one for one in latencies if one[0] >= first]
    values = [ms for _, ms in latencies]
    found = {"rate": rate(progress, first, last),
             "unanswered": done.get("unanswered", 0), "checksum_ok": done.get("checksum_ok"),
             "requests": len(values)}
    if values:
        found.update({f"p{p}": percentile(values, p / 100) for p in (50, 90, 99)},
                     mean=statistics.fmean(values))
    return found, latencies


def variants_of(arguments):
    """The order of windows: each variant and either workload alone, shuffled in each repetition."""
    plan, chance = [], random.Random(arguments.seed)
    for rep in range(arguments.reps):
        kinds = [("alone", arguments.names[0]), ("alone", arguments.names[1])]
        kinds += [("variant", text) for text in arguments.variant]
        chance.shuffle(kinds)
        plan.extend((rep, *kind) for kind in kinds)
    return plan


def measure(arguments, tenants, control, out):
    base = ask(control, {"op": "settings"})["settings"]
    settable = {key: base[key] for key in base}
    rows, latencies = [], (out / "latencies.csv").open("w")
    latencies.write("window,scheduled_us,latency_ms\n")
    for number, (rep, kind, what) in enumerate(variants_of(arguments), 1):
        change = dict(settable)
        if kind == "variant":
            change.update(json.loads(what))
        ask(control, {"op": "settings", **change})
        inside = [t for t in tenants if kind == "variant" or t.name == what]
        seconds = arguments.window + SETTLE_S
        start([(tenant, {}) for tenant in inside], number, seconds, 1000 + rep)
        found = {tenant.name: figures(tenant, seconds, SETTLE_S) for tenant in inside}
        status = ask(control, {"op": "status"})["status"]
        row = {"window": number, "rep": rep, "kind": kind, "what": what,
               "seconds": arguments.window}
        for name, (row[name], requests) in found.items():
            latencies.writelines(f"{number},{s:.0f},{ms:.4f}\n" for s, ms in requests)
        row["figures"] = {w["name"]: {f["name"]: f["value"] for f in w["figures"]}
                          for w in status["workloads"]}
        rows.append(row)
        with (out / "windows.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        tell(row, arguments.names)
    return rows


def tell(row, names):
    parts = [f"{row['rep']} {row['kind']:8} {row['what'][:90]:90}"]
    for name in names:
        one = row.get(name)
        if one:
            latency = f" p50 {one['p50']:.3f} p99 {one['p99']:.3f} ms" if "p99" in one else ""
            parts.append(f"{name} {one['rate']:.1f}/s{latency}")
    print(" | ".join(parts), flush=True)


def interval(values):
    """Mean and 95 % interval of a few repetitions, of their logarithms: figures are ratios."""
    logs = [math.log(v) for v in values if v > 0]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), None, None
    t = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57}.get(len(logs), 2.0)
    reach = t * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - reach), math.exp(mean + reach)


def with_interval(values):
    mean, low, high = interval(values)
    return f"{mean:.3f}" if low is None else f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def summarise(rows, names):
    critical, other = names
    alone = {}
    for row in rows:
        if row["kind"] == "alone":
            alone[row["rep"], row["what"]] = row[row["what"]]
    print(f"\n{'settings':70} | {critical} p99 over alone | p50 over alone | {other} over alone")
    for text in dict.fromkeys(r["what"] for r in rows if r["kind"] == "variant"):
        p99, p50, rate = [], [], []
        for row in (r for r in rows if r["what"] == text and r["kind"] == "variant"):
            if (row["rep"], critical) in alone and (row["rep"], other) in alone:
                p99.append(row[critical]["p99"] / alone[row["rep"], critical]["p99"])
                p50.append(row[critical]["p50"] / alone[row["rep"], critical]["p50"])
                rate.append(row[other]["rate"] / alone[row["rep"], other]["rate"])
        if p99:
            print(f"{text[:70]:70} | {with_interval(p99)} | {with_interval(p50)} | "
                  f"{with_interval(rate)}", flush=True)


def environment(arguments, status):
    return {"tool": "sweep", "gpu": status["gpu"], "backend": status["backend"],
            "slices": status["slices"], "version": status["version"],
            "command_line": sys.argv, "mode": arguments.mode, "seed": arguments.seed,
            "processors": os.cpu_count(),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def placed():
    """Processors of their own for both, where the machine has enough."""
    cpus = sorted(os.sched_getaffinity(0))
    return (set(cpus[1:5]), set(cpus[5:9])) if len(cpus) >= 10 else (None, None)


def use_place(bin_folder, scratch):
    """Daemons of this run live below scratch; commands find corun's programs."""
    os.environ["XDG_RUNTIME_DIR"] = str(scratch)
    os.environ["PATH"] = f"{bin_folder}:{os.environ['PATH']}"


def run(arguments, scratch):
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    use_place(arguments.bin, scratch)
    base = [str(arguments.bin / "corun"), "run", "--gpu", arguments.gpu, "--mode", arguments.mode]
    tenants = []
    try:
        for name, command, service_class, cpus in zip(
                arguments.names, (arguments.critical, arguments.other),
                ("latency-critical", "best-effort"), placed()):
            tenants.append(Tenant(name, command, [*base, "--class", service_class], scratch, cpus))
            tenants[-1].wait_for("initialised", READY_S)
        for tenant in tenants:
            tenant.send(cmd="warm", max_s=20, window_s=0.5, tolerance=0.05)
            tenant.wait_for("ready", 60)
        control = daemon_socket(scratch)
        status = ask(control, {"op": "status"})["status"]
        (out / "env.json").write_text(json.dumps(environment(arguments, status), indent=1) + "\n")
        print(f"{status['gpu']['name']}, backend {status['backend']}, slices {status['slices']}")
        summarise(measure(arguments, tenants, control, out), arguments.names)
    finally:
        stop_all(tenants, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--gpu", default="auto", help="real or simulated[:PROFILE]")
    parser.add_argument("--mode", choices=["managed", "managed-mps"], default="managed")
    parser.add_argument("--critical", required=True, metavar="COMMAND")
    parser.add_argument("--other", required=True, metavar="COMMAND")
    parser.add_argument("--variant", action="append", default=[], metavar="JSON")
    parser.add_argument("--window", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--reps", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    arguments.names = ("critical", "other")
    for text in arguments.variant:
        json.loads(text)
    try:
        with tempfile.TemporaryDirectory(prefix="corun-sweep-") as scratch:
            run(arguments, pathlib.Path(scratch))
    except Failed as error:
        print(f"sweep: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
