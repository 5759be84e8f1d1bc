#!/usr/bin/env python3
"""A person at a Python prompt or a Jupyter kernel, measured from outside, as a tenant of corun.

  repl.py --cells notebook.py --think lognormal:2s:1
  repl.py --cells notebook.py --command 'corun run --name kernel -- python3 -i -q'
  repl.py --cells notebook.py --jupyter python3

The cells are a Python file in which lines that begin with '# %%' separate them, as editors have it.
They run one after the other, with think times between them, and begin again after the last. The
program that runs them is any that takes Python on its standard input (--command), or a kernel of
Jupyter where jupyter_client is installed. The latency of a cell is from its first character to the
end of its output; a cell that raises is counted and told, and the session goes on.
"""

import argparse
import math
import pathlib
import queue
import random
import re
import shlex
import statistics
import subprocess
import sys
import threading
import time
import uuid

import row_protocol
import serving

MARK = "# %%"
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
# Runs a cell as a whole, so that nothing of it is taken for the next prompt, and tells its end.
HELPER = """
def _corun_cell(source, mark):
    import sys, traceback
    try:
        exec(compile(source, "<cell>", "exec"), globals())
        fine = True
    except BaseException:
        traceback.print_exc()
        fine = False
    sys.stderr.flush()
    print("\\n" + mark, fine, flush=True)
"""


class Gone(RuntimeError):
    """The program that runs the cells has ended."""


def split_cells(text):
    """[(name, source)]; what stands before the first mark is a cell too, if it does something."""
    cells, name, lines = [], "cell 1", []

    def close():
        if any(line.strip() and not line.strip().startswith("#") for line in lines):
            cells.append((name, "\n".join(lines) + "\n"))

    for line in text.splitlines():
        if not line.startswith(MARK):
            lines.append(line)
            continue
        close()
        name, lines = line[len(MARK):].strip() or f"cell {len(cells) + 1}", []
    close()
    return cells


def parse_time(text):
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' is no time; write 500ms or 2s")
    return float(found[1]) * UNITS[found[2]]


def parse_think(text):
    """A function of a random generator: the seconds to the next cell."""
    kind, _, rest = text.partition(":")
    typical, _, sigma = rest.partition(":")
    if kind not in ("constant", "exponential", "lognormal") or (sigma and kind != "lognormal"):
        raise argparse.ArgumentTypeError(
            f"'{text}' is no think time; write constant:2s, exponential:2s or lognormal:2s:1")
    seconds = parse_time(typical)
    if kind == "constant":
        return lambda generator: seconds
    if kind == "exponential":
        return lambda generator: generator.expovariate(1 / seconds) if seconds else 0.0
    try:
        deviation = float(sigma or 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{sigma}' is no number") from None
    return lambda generator: seconds * math.exp(deviation * generator.gauss(0, 1))


class Prompt:
    """A program that takes Python on its standard input."""

    def __init__(self, command):
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=sys.stderr, text=True, bufsize=1)
        self._lines = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._send(f"exec({HELPER!r})")

    def _read(self):
        for line in self._child.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _send(self, line):
        try:
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()
        except OSError:
            raise Gone("the program that runs the cells takes no more") from None

    def run(self, source):
        """True, or False when it raised."""
        mark = f"cell-{uuid.uuid4().hex}"
        self._send(f"_corun_cell({source!r}, {mark!r})")
        while (line := self._lines.get()) is not None:
            if line.startswith(mark):
                return line.split()[1] == "True"
        raise Gone(f"the program that runs the cells ended with {self._child.wait()}")

    def close(self):
        self._child.stdin.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._reader.join()
        self._child.stdout.close()


class Kernel:
    """A kernel of Jupyter."""

    def __init__(self, name):
        try:
            from jupyter_client.manager import start_new_kernel
        except ImportError:
            raise RuntimeError("jupyter_client is not installed; use --command") from None
        self._manager, self._client = start_new_kernel(kernel_name=name)

    def run(self, source):
        reply = self._client.execute_interactive(source, store_history=False,
                                                 output_hook=lambda message: None)
        return reply["content"]["status"] == "ok"

    def close(self):
        self._client.stop_channels()
        self._manager.shutdown_kernel()


class Session(row_protocol.Workload):
    kind, unit = "interactive", "cells/s"
    settle_tolerance = 1e9  # it is warm once its first cells have run

    def __init__(self, options):
        self.options, self.notes = options, []
        self.latencies_ms, self.raised, self.place = {}, 0, None

    def initialise(self):
        options = self.options
        self.place = Kernel(options.jupyter) if options.jupyter else Prompt(options.command)
        self._run(0)

    def _run(self, number):
        """The cell's latency in seconds."""
        start = time.monotonic()
        fine = self.place.run(self.options.cells[number][1])
        self.raised += not fine
        return time.monotonic() - start

    def warm(self, seconds):
        latency = self._run(0)
        return 1 / latency, 1 / latency

    def run(self, window, log):
        generator = random.Random(window.seed)
        # The first cell falls somewhere in a think time, so that people do not start together.
        next_ns = window.start_ns + int(1e9 * generator.random() * self.options.think(generator))
        number = 0
        while next_ns < window.end_ns and log.listening():
            think = self.options.think(generator)
            serving.wait_until(next_ns, spin=False)
            start_ns = time.monotonic_ns()
            latency = self._run(number)
            end_ns = time.monotonic_ns()
            log.request(start_ns, start_ns, end_ns)
            self.latencies_ms.setdefault(self.options.cells[number][0], []).append(latency * 1e3)
            next_ns = end_ns + int(1e9 * think)
            number = (number + 1) % len(self.options.cells)
        serving.wait_until(window.end_ns, spin=False)
        return 0

    def take_notes(self):
        notes = [f"cell {name}: {len(all_ms)} times, median {statistics.median(all_ms):.1f} ms, "
                 f"longest {max(all_ms):.1f} ms" for name, all_ms in self.latencies_ms.items()]
        if self.raised:
            notes.append(f"{self.raised} cells raised an exception")
        self.latencies_ms, self.raised = {}, 0
        return notes


def read_cells(path):
    try:
        cells = split_cells(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from None
    if not cells:
        raise argparse.ArgumentTypeError(f"{path} has no cell; separate them by '{MARK}'")
    return cells


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=read_cells, required=True, metavar="FILE")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--command", type=shlex.split, default=[sys.executable, "-i", "-q"],
                       help="takes Python on its standard input (default: python3 -i -q)")
    place.add_argument("--jupyter", metavar="KERNEL", help="a kernel's name, python3 say")
    parser.add_argument("--think", type=parse_think, default="lognormal:1s:1",
                        metavar="KIND:TIME")
    parser.add_argument("--duration", type=float, default=10, metavar="SECONDS",
                        help="window of a run without corun")
    return parser.parse_args(arguments)


def main():
    session = Session(parse(sys.argv[1:]))
    try:
        return row_protocol.run(session, session.options.duration)
    finally:
        if session.place is not None:
            session.place.close()


if __name__ == "__main__":
    sys.exit(main())
