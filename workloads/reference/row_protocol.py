"""The workload's end of corun's row protocol (docs/row-protocol.md). Standard library only.

A program makes an object with the methods of Workload and calls run(workload). Under corun that
follows the harness's commands; without CORUN_ROWS it runs one window and prints a summary.
"""

import contextlib
import json
import os
import statistics
import sys
import threading
import time


class Workload:
    """What run() needs to know. Times are nanoseconds of time.monotonic_ns()."""

    kind = "command"  # training, inference, interactive, synthetic, command
    unit = "items/s"
    # Least tolerance of the warm-up. A rate that the processor sets, not the GPU, wanders: whoever
    # raises it says so in a note.
    settle_tolerance = 0.0

    def initialise(self):
        """Loads everything onto the GPU."""

    def warm(self, seconds):
        """Works for about so long; returns (items/s, the same by the median time of an item)."""
        raise NotImplementedError

    def run(self, window, log):
        """Works from window.start_ns to window.end_ns, telling log; returns unanswered requests."""
        raise NotImplementedError

    def verify(self):
        """(checksum, whether it is the expected one), or (None, None)."""
        return None, None

    def memory_bytes(self):
        return None

    def take_notes(self):
        return []


class Window:
    def __init__(self, number, start_ns, seconds, seed, load=None):
        self.number, self.start_ns, self.seconds, self.seed = number, start_ns, seconds, seed
        self.load = load  # arrivals as a fraction of the capacity, instead of the program's own
        self.end_ns = start_ns + int(seconds * 1e9)
        self.give_up_ns = start_ns + int(seconds * 1.5e9)  # what is unanswered then is dropped


class Log:
    """Collects a window's completions; a thread of its own writes them, so that a slow reader does
    not delay the loop that is measured."""

    SAMPLE_S, LINE_NS, REQUESTS_NS = 0.025, 75_000_000, 500_000_000

    def __init__(self, window, write):
        self._window, self._write, self._lock = window, write, threading.Lock()
        self._items, self._samples, self._requests = 0, [(0.0, 0)], []
        self._stop, self._error = threading.Event(), None
        self._thread = threading.Thread(target=self._report, daemon=True)
        self._thread.start()

    def items(self, count):
        with self._lock:
            self._items += count

    def request(self, scheduled_ns, start_ns, end_ns):
        with self._lock:
            self._items += 1
            self._requests.append((scheduled_ns, start_ns, end_ns))

    def listening(self):
        return self._error is None

    def finish(self, end_ns):
        """Writes what is left; returns the items of the window."""
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error
        self._samples.append((self._micros(end_ns), self._items))
        self._write_progress()
        self._write_requests()
        return self._items

    def _micros(self, at_ns):
        return (at_ns - self._window.start_ns) / 1e3

    def _report(self):
        next_line = self._window.start_ns + self.LINE_NS
        next_requests = self._window.start_ns + self.REQUESTS_NS
        try:
            while not self._stop.wait(self.SAMPLE_S):
                with self._lock:
                    now = time.monotonic_ns()
                    if now > self._window.start_ns:
                        self._samples.append((self._micros(now), self._items))
                if now >= next_line:
                    self._write_progress()
                    next_line = now + self.LINE_NS
                if now >= next_requests:
                    self._write_requests()
                    next_requests = now + self.REQUESTS_NS
        except OSError as error:  # the reader is gone
            self._error = error

    def _write_progress(self):
        with self._lock:
            taken, self._samples = self._samples, []
        if taken:
            self._write({"type": "progress", "window": self._window.number,
                         "t_us": [t for t, _ in taken], "items": [n for _, n in taken]})

    def _write_requests(self):
        with self._lock:
            taken, self._requests = self._requests, []
        for at in range(0, len(taken), 8192):  # a line stays far below 1 MiB
            part = taken[at:at + 8192]
            self._write({"type": "requests", "window": self._window.number,
                         "scheduled_us": [self._micros(r[0]) for r in part],
                         "start_us": [self._micros(max(r[0], r[1])) for r in part],
                         "end_us": [self._micros(max(r)) for r in part]})


class NotWarm(RuntimeError):
    def __init__(self, text, rate):
        super().__init__(text)
        self.rate = rate


def warm_up(workload, max_s, window_s, tolerance=0.02):
    """The last rate, once three consecutive windows agree within the tolerance."""
    end, figures = time.monotonic() + max_s, []
    while True:
        rate, settling = workload.warm(window_s)
        figures.append(settling)
        last = figures[-3:]
        if len(last) == 3 and max(last) - min(last) <= tolerance * statistics.fmean(last):
            return rate
        if time.monotonic() >= end:
            raise NotWarm(f"not warm after {max_s:g} s: the last rates are "
                          f"{', '.join(f'{f:.4g}' for f in last)} {workload.unit}", rate)


def measure(workload, window, write):
    log = Log(window, write)
    unanswered = workload.run(window, log)
    end_ns = time.monotonic_ns()
    done = {"type": "done", "window": window.number, "items": log.finish(end_ns),
            "t_us": (end_ns - window.start_ns) / 1e3, "unanswered": unanswered or 0}
    checksum, ok = workload.verify()
    extra = {"checksum": checksum, "checksum_ok": ok, "memory_bytes": workload.memory_bytes()}
    return done | {key: value for key, value in extra.items() if value is not None}


def _open(variable, mode):
    value = os.environ[variable]
    return open(int(value) if value.isdigit() else value, mode, buffering=1, encoding="utf-8")


def _follow(workload, write, commands):
    workload.initialise()
    write({"type": "initialised"})
    for line in commands:
        command = json.loads(line)
        if command["cmd"] == "stop":
            return
        if command["cmd"] == "warm":
            tolerance = max(command.get("tolerance", 0.02), workload.settle_tolerance)
            rate = warm_up(workload, command["max_s"], command["window_s"], tolerance)
            answer = {"type": "ready", "kind": workload.kind, "unit": workload.unit, "rate": rate}
        else:
            window = Window(command["window"], command["at_ns"], command["seconds"],
                            command["seed"], command.get("load"))
            answer = measure(workload, window, write)
        for text in workload.take_notes():
            write({"type": "note", "text": text})
        write(answer)


def run(workload, seconds=10):
    """Runs the workload under corun or alone; returns the exit code."""
    if not os.environ.get("CORUN_ROWS"):
        import alone
        return alone.run(workload, seconds)
    rows, commands = _open("CORUN_ROWS", "w"), _open("CORUN_CONTROL", "r")
    sys.setswitchinterval(5e-5)  # the thread that writes rows must not hold up the measured loop

    def write(line):
        rows.write(json.dumps(line, separators=(",", ":")) + "\n")

    try:
        _follow(workload, write, commands)
    except Exception as error:  # whatever it is, the harness has to hear of it
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        print(f"error: {text}", file=sys.stderr)
        with contextlib.suppress(OSError):  # the harness may be gone
            write({"type": "error", "text": text})
        return 1
    return 0
