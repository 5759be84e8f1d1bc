#!/usr/bin/env python3
"""Faults beside working neighbours: what others feel when one workload, or corund, goes wrong.

  tools/fault_trial.py --faulty build/tests/faulty --out DIR

Under `corun run --mode managed`: a server (300 requests/s of 0.6 ms) and a job of 200 us kernels
work through windows of 4 s; two seconds into each, one thing is done to somebody (see TRIALS). Told
are the server's longest latency and the job's longest time without progress, before and after that
instant, and whether their results stayed right. DIR gets trials.jsonl. Needs corun's programs, the
test program `faulty`, and a GPU, real or simulated.
"""

import argparse
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

import sweep

WINDOW_S, EVENT_S = 4.0, 2.0


def session_pid(control, name):
    status = sweep.ask(control, {"op": "status"})["status"]
    return next(w["sessions"][0]["pid"] for w in status["workloads"]
                if w["name"] == name and w["sessions"])


class Scene:
    """The two that are watched, and how to start a victim."""

    def __init__(self, arguments, scratch):
        self.arguments, self.scratch, self.victims = arguments, scratch, 0
        self.base = [str(arguments.bin / "corun"), "run", "--gpu", arguments.gpu,
                     "--mode", "managed"]
        self.server = self.tenant("server", "latency-critical",
                                  "corun-synthetic infer --rate 300")
        self.job = self.tenant("job", "best-effort", "corun-synthetic train --kernel-us 200")
        self.control = sweep.daemon_socket(scratch)

    def tenant(self, name, service_class, command):
        tenant = sweep.Tenant(name, command, [*self.base, "--class", service_class],
                              self.scratch, None)
        tenant.wait_for("initialised", sweep.READY_S)
        tenant.send(cmd="warm", max_s=20, window_s=0.3, tolerance=0.1)
        tenant.wait_for("ready", 60)
        return tenant

    def victim(self, service_class, command):
        self.victims += 1
        return self.tenant(f"victim{self.victims}", service_class, command)

    def faulty(self):
        """A process that faults once it is let go on."""
        self.victims += 1
        return subprocess.Popen(
            [*self.base, "--class", "best-effort", "--name", f"victim{self.victims}", "--",
             str(self.arguments.faulty), "fault"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def window(scene, number, victim, event, later):
    """Runs a window with `event` in it (and `later` after it); what the two felt."""
    both = [scene.server, scene.job]
    start_ns = sweep.start([(tenant, {}) for tenant in both + ([victim] if victim else [])],
                           number, WINDOW_S, number)
    wait_until(start_ns / 1e9 + EVENT_S)
    event()
    event_us = (time.monotonic_ns() - start_ns) / 1e3
    answers = {tenant.name: sweep.collect(tenant, 4 * WINDOW_S + 20) for tenant in both}
    later()
    return felt(answers, event_us)


def wait_until(when_s):
    time.sleep(max(0.0, when_s - time.monotonic()))


def felt(answers, event_us):
    progress, _, job_done = answers["job"]
    _, latencies, server_done = answers["server"]
    gaps, last = [], (0.0, 0)
    for t, items in progress:
        if items > last[1]:
            gaps.append((t, (t - last[0]) / 1e3))
            last = (t, items)
    return {"server_worst_ms_before": max((ms for s, ms in latencies if s < event_us - 2e5),
                                          default=None),
            "server_worst_ms_after": max((ms for s, ms in latencies if s >= event_us - 2e5),
                                         default=None),
            "server_unanswered": server_done.get("unanswered"),
            "server_right": server_done.get("checksum_ok"),
            "job_longest_gap_ms_before": max((g for t, g in gaps if t < event_us), default=None),
            "job_longest_gap_ms_after": max((g for t, g in gaps if t >= event_us), default=None),
            "job_right": job_done.get("checksum_ok")}


def nothing():
    pass


def signal_victim(scene, service_class, command, *signals):
    """A victim that gets the first signal in the window and the others when it is over."""
    victim = scene.victim(service_class, command)
    pid = session_pid(scene.control, victim.name)

    def after():
        for one in signals[1:]:
            os.kill(pid, one)
        victim.process.kill()
        victim.process.wait()
        with_no_error(lambda: os.kill(pid, signal.SIGKILL))
    return victim, lambda: os.kill(pid, signals[0]), after


def with_no_error(action):
    try:
        action()
    except OSError:
        pass


def cuda_fault(scene):
    process = scene.faulty()

    def event():  # it faults by itself as soon as it has worked: it is stopped until now
        os.kill(process.pid, signal.SIGCONT)

    def after():
        ready, _, _ = select.select([process.stdout], [], [], 10)
        print("  the faulty one says:", process.stdout.readline().strip() if ready else "nothing")
        process.stdin.close()
        process.wait(20)
    os.kill(process.pid, signal.SIGSTOP)
    return None, event, after


def daemon_signal(scene, *signals):
    pid = sweep.ask(scene.control, {"op": "status"})["status"]["pid"]

    def after():
        for one in signals[1:]:
            with_no_error(lambda one=one: os.kill(pid, one))
    return None, lambda: os.kill(pid, signals[0]), after


def daemon_and_server_of_another(scene):
    victim, kill_victim, after = signal_victim(
        scene, "latency-critical", "corun-synthetic infer --rate 300", signal.SIGKILL)
    pid = sweep.ask(scene.control, {"op": "status"})["status"]["pid"]

    def event():
        os.kill(pid, signal.SIGKILL)
        kill_victim()
    return victim, event, after


TRAIN, INFER = "corun-synthetic train --kernel-us 1000", "corun-synthetic infer --rate 300"
TRIALS = {
    "nothing": lambda scene: (None, nothing, nothing),
    "SIGKILL to a best-effort workload":
        lambda scene: signal_victim(scene, "best-effort", TRAIN, signal.SIGKILL),
    "SIGSTOP to a best-effort workload":
        lambda scene: signal_victim(scene, "best-effort", TRAIN, signal.SIGSTOP, signal.SIGCONT),
    "SIGKILL to a latency-critical workload":
        lambda scene: signal_victim(scene, "latency-critical", INFER, signal.SIGKILL),
    "SIGSTOP to a latency-critical workload":
        lambda scene: signal_victim(scene, "latency-critical", INFER, signal.SIGSTOP,
                                    signal.SIGCONT),
    "illegal address in a best-effort workload": cuda_fault,
    "corund hangs (SIGSTOP)":
        lambda scene: daemon_signal(scene, signal.SIGSTOP, signal.SIGCONT),
    "SIGKILL to corund and a latency-critical workload": daemon_and_server_of_another,
    "corund is gone": lambda scene: (None, nothing, nothing),
}


def run(arguments, scratch):
    arguments.out.mkdir(parents=True, exist_ok=True)
    sweep.use_place(arguments.bin, scratch)
    scene = Scene(arguments, scratch)
    try:
        status = sweep.ask(scene.control, {"op": "status"})["status"]
        (arguments.out / "env.json").write_text(
            json.dumps(sweep.environment(arguments, status), indent=1) + "\n")
        for number, (name, prepare) in enumerate(TRIALS.items(), 1):
            row = {"trial": name, **window(scene, number, *prepare(scene))}
            with (arguments.out / "trials.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    finally:
        for tenant in (scene.server, scene.job):
            tenant.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=sweep.ROOT / "build" / "bin")
    parser.add_argument("--faulty", type=pathlib.Path, required=True)
    parser.add_argument("--gpu", default="auto", help="real or simulated[:PROFILE]")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.bin, arguments.mode, arguments.seed = arguments.bin.resolve(), "managed", 0
    arguments.faulty = arguments.faulty.resolve()
    try:
        with tempfile.TemporaryDirectory(prefix="corun-faults-") as scratch:
            run(arguments, pathlib.Path(scratch))
    except sweep.Failed as error:
        print(f"fault_trial: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
