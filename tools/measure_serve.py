#!/usr/bin/env python3
"""What corun serve costs on a simulated node: docs/monitoring.md has the figures.

  tools/measure_serve.py [--build DIR] [--gpus 8] [--processes 200] [--viewers 100] [--seconds 10]

Starts a node, processes that hold a context each, and corun serve at 10 Hz; prints processor time
alone and with viewers, and how long /metrics takes.
"""

import argparse
import ctypes
import http.client
import os
import pathlib
import re
import selectors
import signal
import socket
import statistics
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


def start_processes(library, gpus, count):
    """PIDs of `count` processes with a context each."""
    read, write = os.pipe()
    pids = []
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
    return pids


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
            children = start_processes(str(arguments.build / "simgpu" / "libcuda.so.1"),
                                       arguments.gpus, arguments.processes)
            serve, port = start_serve(arguments.build, dict(os.environ))
            try:
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
