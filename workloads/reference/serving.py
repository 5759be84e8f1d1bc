"""What the inference script needs besides a model: arrivals, precise waiting, processors."""

import os
import random
import time

SPIN_NS = 2_000_000  # waking an idle processor took up to 0.2 ms on a virtual machine


def arrivals_s(process, rate, seconds, seed):
    """Seconds after the window's start, drawn before it: a late server delays no arrival."""
    generator = random.Random(seed)
    if process == "constant":
        phase = generator.random() / rate
        return [phase + i / rate for i in range(int((seconds - phase) * rate) + 1)
                if phase + i / rate < seconds]
    arrivals, at = [], generator.expovariate(rate)
    while at < seconds:
        arrivals.append(at)
        at += generator.expovariate(rate)
    return arrivals


def placed():
    """Whether somebody has given this process processors of its own: fewer than the machine has."""
    return len(os.sched_getaffinity(0)) < (os.cpu_count() or 1)


def wait_until(due_ns, spin):
    """Asleep, and awake for the last SPIN_NS with `spin`."""
    while True:
        left = due_ns - time.monotonic_ns() - (SPIN_NS if spin else 0)
        if left <= 0:
            break
        time.sleep(left / 1e9)
    while time.monotonic_ns() < due_ns:
        pass


def percentile(values, p):
    """Nearest rank; values in any order, not empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(p * len(ordered)))]
