"""Starts corun-inference for a test, and speaks HTTP to it with Python's own client."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
PATIENCE_S = 60


class Server:
    """A running server on a free port; `ends`: it is expected to end by itself."""

    def __init__(self, test, *models, options=(), port=0, env=None, ends=False,
                 program="corun-inference"):
        command = [BUILD / "bin" / program, "--port", str(port), *options]
        for model in models:
            command += ["--model", model]
        self.child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
        test.addCleanup(self.child.stderr.close)
        test.addCleanup(self.child.wait)
        test.addCleanup(self.child.kill)
        self.lines, self.port = [], None
        for line in self.child.stderr:
            self.lines.append(line.rstrip())
            found = re.search(r"listening on .*:(\d+)", line)
            self.port = int(found.group(1)) if found else self.port
            if line.endswith(": ready\n"):
                return
        if not ends:
            raise AssertionError(f"it did not become ready: {self.lines}")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body) over a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.request("GET", path)
        return status, json.loads(body)

    def post(self, path, value, headers=None):
        status, _, body = self.request("POST", path, json.dumps(value), headers)
        return status, json.loads(body)

    def metric(self, name, **labels):
        """The value of one sample of /metrics."""
        text = self.request("GET", "/metrics")[2].decode()
        inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
        sample = f"{name}{{{inner}}}" if inner else name
        found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
        return float(found.group(1)) if found else None

    def until(self, wanted, name, **labels):
        """Waits until a sample has this value."""
        end = time.monotonic() + PATIENCE_S
        while (value := self.metric(name, **labels)) != wanted:
            if time.monotonic() > end:
                raise AssertionError(f"{name} {labels} is {value}, not {wanted}")
            time.sleep(0.002)

    def terminate(self):
        self.child.send_signal(signal.SIGTERM)

    def exit_code(self):
        return self.child.wait(PATIENCE_S)


def events(response):
    """The JSON of every server-sent event."""
    for line in response:
        if line.startswith(b"data: "):
            yield json.loads(line[len(b"data: "):])


class SimulatedNode:
    """A simulated GPU of its own; `env` is for its clients."""

    def __init__(self, test):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        simgpu = BUILD / "simgpu"
        child = subprocess.Popen([simgpu / "corun-simgpud", "--node", folder.name])
        test.addCleanup(child.wait)
        test.addCleanup(child.kill)
        end = time.monotonic() + PATIENCE_S
        while not (pathlib.Path(folder.name) / "ready").exists():
            if child.poll() is not None or time.monotonic() > end:
                raise AssertionError("the simulated node does not start")
            time.sleep(0.005)
        self.env = os.environ | {"CORUN_DRIVER_DIR": str(simgpu), "CORUN_SIM_NODE": folder.name}


class Harness:
    """Two FIFOs, as corun has them; `env` is for the workload."""

    def __init__(self, test, env=None):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        ends = [os.path.join(folder.name, name) for name in ("rows", "control")]
        for path in ends:
            os.mkfifo(path)
        self.rows = os.fdopen(os.open(ends[0], os.O_RDWR), encoding="utf-8")
        self.control = os.fdopen(os.open(ends[1], os.O_RDWR), "w", buffering=1)
        test.addCleanup(self.rows.close)
        test.addCleanup(self.control.close)
        self.env = (env or os.environ) | {"CORUN_ROWS": ends[0], "CORUN_CONTROL": ends[1]}

    def send(self, **command):
        self.control.write(json.dumps(command) + "\n")

    def until(self, kind):
        """All messages up to the first of this type, which is the last one."""
        messages = []
        for line in self.rows:
            messages.append(json.loads(line))
            if messages[-1]["type"] == kind:
                return messages
            if messages[-1]["type"] == "error":
                raise AssertionError(messages[-1]["text"])
        raise AssertionError("the rows ended")

    def warm(self):
        self.send(cmd="warm", max_s=PATIENCE_S, window_s=0.1, tolerance=1.0)
        return self.until("ready")[-1]

    def start(self, seconds, window=1, seed=7):
        self.send(cmd="start", window=window, at_ns=time.monotonic_ns() + 50_000_000,
                  seconds=seconds, seed=seed)
