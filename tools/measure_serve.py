#!/usr/bin/env python3
"""What corun serve costs on a simulated node: docs/monitoring.md has the figures.

  tools/measure_serve.py [--build DIR] [--gpus 8] [--processes 200] [--viewers 100] [--seconds 10]
  tools/measure_serve.py --starts-a-minute 10000

Starts a node, processes that hold a context each, and corun serve at 10 Hz; prints processor time
alone and with viewers, and how long /metrics takes. With --starts-a-minute instead: how many of so
many processes, which hold a context for two looks at the driver's list each, it saw under their own
names.
"""

import argparse
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import selectors
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """Processor time of a process, all threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid):
    """Resident memory of a process."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def hold_context(library, device, ready):
    """A child's whole life: a context on a GPU, until it is killed."""
    cuda = ctypes.CDLL(library)
    context = ctypes.c_void_p()
    code = cuda.cuInit(0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
    code = code or cuda.cuCtxSetCurrent(context)
    os.write(ready, b"." if code == 0 else b"!")
    signal.pause()
    os._exit(0)


def start_processes(pids, library, gpus, count):
    """Adds to `pids` those of `count` processes with a context each, also where one gets none."""
    read, write = os.pipe()
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            hold_context(library, number % gpus, write)
        pids.append(pid)
    marks = b""
    while len(marks) < count:
        marks += os.read(read, count)
    if b"!" in marks:
        sys.exit("measure_serve: error: a process got no context")


def hold_for_a_while(library, device, number, ready):
    """A child's whole life: a context for two looks (of 1 s) and a little, under a name of its
    own."""
    ctypes.CDLL(None).prctl(15, b"c%d" % number)  # PR_SET_NAME
    cuda = ctypes.CDLL(library)
    context = ctypes.c_void_p()
    if cuda.cuInit(0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
        os._exit(1)
    os.write(ready, struct.pack("i", number))
    time.sleep(2.2)
    os._exit(0)


def churn(library, serve, port, arguments):
    """Prints how many short-lived processes were seen, and whether under their own names."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    numbers, held, seen, wrong, failed = {}, set(), set(), 0, 0
    begin, before = time.monotonic(), cpu_seconds(serve.pid)
    look = begin
    while (now := time.monotonic() - begin) < arguments.seconds + 4:
        while now < arguments.seconds and len(numbers) < now * arguments.starts_a_minute / 60:
            number = len(numbers)
            pid = os.fork()
            if pid == 0:
                hold_for_a_while(library, number % arguments.gpus, number, write)
            numbers[pid] = number
        with contextlib.suppress(BlockingIOError):
            held.update(one[0] for one in struct.iter_unpack("i", os.read(read, 65536)))
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                failed += ended[1] != 0
        if time.monotonic() >= look:
            look += 0.25
            for gpu in json.loads(get(port, "/api/v1/snapshot")[1]).get("gpus", []):
                for process in gpu["processes"]:
                    number = numbers.get(process["pid"])
                    if process["name"] == f"c{number}":
                        seen.add(number)
                    elif process["name"]:  # else it was gone before anybody could look
                        wrong += 1
        time.sleep(0.005)
    took = time.monotonic() - begin
    print(f"{len(numbers) / arguments.seconds * 60:.0f} starts a minute for {arguments.seconds:g} "
          f"s: {len(held)} held a context for 2.2 s ({failed} got none), {len(held & seen)} of "
          f"them were seen, {wrong} times under another name; "
          f"{100 * (cpu_seconds(serve.pid) - before) / took:.1f} % of a processor")


def start_serve(build, env):
    """(process, port)"""
    command = [build / "bin" / "corun", "serve", "--listen", "127.0.0.1:0"]
    child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    return child, int(re.search(r":(\d+)/", child.stdout.readline())[1])


def get(port, path):
    """(seconds, body)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    begin = time.monotonic()
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return time.monotonic() - begin, body


def watch(port, viewers, seconds):
    """(snapshots, bytes) that `viewers` streams at 2 Hz got in this time."""
    selector = selectors.DefaultSelector()
    for _ in range(viewers):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(b"GET /api/v1/stream?hz=2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ)
    snapshots = received = 0
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            data = key.fileobj.recv(1 << 20)
            received += len(data)
            snapshots += data.count(b"event: snapshot")
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    return snapshots, received


def cpu_percent(pid, seconds, work):
    """Percent of one processor while work() runs, which takes `seconds`."""
    before = cpu_seconds(pid)
    work()
    return 100 * (cpu_seconds(pid) - before) / seconds


def measure(serve, port, arguments):
    """Prints the figures."""
    time.sleep(3)
    seconds = arguments.seconds
    alone = cpu_percent(serve.pid, seconds, lambda: time.sleep(seconds))
    _, snapshot = get(port, "/api/v1/snapshot")
    took = [get(port, "/metrics") for _ in range(50)]
    series = sum(1 for line in took[0][1].splitlines() if not line.startswith(b"#"))
    times = sorted(1000 * one[0] for one in took)
    print(f"{arguments.gpus} GPUs, {arguments.processes} processes, snapshot of "
          f"{len(snapshot)} bytes")
    print(f"alone: {alone:.1f} % of a processor, {memory_mib(serve.pid):.0f} MiB")
    print(f"/metrics: {series} series in {statistics.median(times):.1f} ms (median of 50; "
          f"longest {times[-1]:.1f} ms)")
    got = []
    with_viewers = cpu_percent(serve.pid, seconds,
                               lambda: got.append(watch(port, arguments.viewers, seconds)))
    snapshots, received = got[0]
    drops = re.search(rb"^corun_viewer_drops_total (\S+)$", get(port, "/metrics")[1], re.M)[1]
    print(f"{arguments.viewers} viewers at 2 Hz: {with_viewers:.1f} % of a processor, "
          f"{snapshots / seconds / arguments.viewers:.2f} snapshots a second each, "
          f"{received / seconds / 1e6:.1f} MB/s, {drops.decode()} drops, "
          f"{memory_mib(serve.pid):.0f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent / "build")
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--processes", type=int, default=200)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--starts-a-minute", type=float, default=0, metavar="N")
    arguments = parser.parse_args()
    children = []
    with tempfile.TemporaryDirectory(prefix="corun-measure-") as folder:
        os.environ["CORUN_SIM_NODE"] = folder
        os.environ["CORUN_DRIVER_DIR"] = str(arguments.build / "simgpu")
        node = subprocess.Popen([arguments.build / "simgpu" / "corun-simgpud", "--node", folder,
                                 "--gpus", str(arguments.gpus)])
        while not (pathlib.Path(folder) / "ready").exists() and node.poll() is None:
            time.sleep(0.02)
        try:
            library = str(arguments.build / "simgpu" / "libcuda.so.1")
            if not arguments.starts_a_minute:
                start_processes(children, library, arguments.gpus, arguments.processes)
            serve, port = start_serve(arguments.build, dict(os.environ))
            try:
                if arguments.starts_a_minute:
                    churn(library, serve, port, arguments)
                else:
                    measure(serve, port, arguments)
            finally:
                serve.send_signal(signal.SIGINT)
                serve.wait()
        finally:
            for pid in children:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            node.terminate()
            node.wait()


main()
