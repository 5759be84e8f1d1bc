#!/usr/bin/env python3
"""corun serve on a simulated node with a real corund and workloads, over HTTP."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from until import PATIENCE_S, until  # noqa: E402

BUILD = pathlib.Path(sys.argv[1])
CORUN = BUILD / "bin" / "corun"
TOKEN = "0123456789abcdef0123456789abcdef"


class Serve:
    """A running corun serve on a free port."""

    def __init__(self, env, *options):
        command = [CORUN, "serve", "--listen", "127.0.0.1:0", *map(str, options)]
        self.child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if not found:
            raise AssertionError(f"it did not start: {line} {self.child.stderr.read()}")
        self.port = int(found.group(1))

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def get(self, path):
        status, _, body = self.request("GET", path)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body}")
        return json.loads(body)

    def snapshot(self):
        until(lambda: self.request("GET", "/-/ready")[0] == 200, "ready")
        return self.get("/api/v1/snapshot")

    def end(self):
        """Ctrl-C; the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        code = self.child.wait(PATIENCE_S)
        self.child.stdout.close()
        self.child.stderr.close()
        return code


def stream(response, wanted):
    """{event: [data]} until every wanted event was seen."""
    seen, name = {}, None
    for line in response:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text[len("event: "):]
        elif text.startswith("data: "):
            seen.setdefault(name, []).append(json.loads(text[len("data: "):]))
            if all(seen.get(one) for one in wanted):
                break
    return seen


class ServeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="corun-serve-")
        cls.addClassCleanup(cls.folder.cleanup)
        path = pathlib.Path(cls.folder.name)
        (path / "node").mkdir()
        token = path / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        report = path / "results" / "one"
        report.mkdir(parents=True)
        (report / "report.html").write_text("<html>a report</html>")
        (report / "cells.jsonl").write_text('{"mode":"mps","mix":"a-mix"}\n')
        (path / "results" / "secret.txt").write_text("outside")
        (report / "link.txt").symlink_to(path / "token")
        cls.path = path
        cls.env = {**os.environ, "CORUN_DRIVER_DIR": str(BUILD / "simgpu"),
                   "CORUN_SIM_NODE": str(path / "node")}
        cls.env.pop("CORUN_RUN_DIR", None)
        node = cls.start([BUILD / "simgpu" / "corun-simgpud", "--node", path / "node"])
        until(lambda: node.poll() is not None or (path / "node" / "ready").exists(), "node")
        cls.serve = Serve(cls.env, "--token-file", token, "--results", path / "results",
                          "--record", path / "run.ndjson.gz", "--host-name", "gpu.example")
        cls.addClassCleanup(lambda: cls.serve.end())
        cls.start([CORUN, "run", "--gpu", "simulated", "--name", "train", "--class",
                   "best-effort", "--", BUILD / "bin" / "corun-synthetic", "train",
                   "--duration", "300s"])
        until(lambda: cls.serve.snapshot()["workloads"], "the workload")
        cls.gpu = cls.serve.snapshot()["gpus"][0]["uuid"]

    @classmethod
    def start(cls, command):
        child = subprocess.Popen(command, env=cls.env, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        cls.addClassCleanup(child.wait)
        cls.addClassCleanup(child.terminate)
        return child

    def test_the_snapshot_has_gpu_daemon_process_and_workload(self):
        def settled():
            snapshot = self.serve.snapshot()
            owned = [p for p in snapshot["gpus"][0]["processes"] if p["workload"]]
            rates = snapshot["workloads"][0]["rates"]["gpu_ratio"]
            return snapshot if owned and (rates["value"] or 0) > 0.5 else None
        snapshot = until(settled, "a workload that uses the GPU")
        gpu, workload = snapshot["gpus"][0], snapshot["workloads"][0]
        self.assertEqual(gpu["mode"], "managed")
        self.assertEqual(gpu["daemon"]["backend"], "slices")
        self.assertTrue(snapshot["node"]["simulated"])
        self.assertEqual(workload["name"], "train")
        self.assertEqual(gpu["processes"][0]["workload"], workload["workload"])
        self.assertIn("corun-synthetic train", gpu["processes"][0]["command"])
        self.assertEqual(gpu["processes"][0]["pid"], workload["pids"][0])

    def test_slices_series_and_events(self):
        def lanes():
            answer = self.serve.get(f"/api/v1/slices?gpu={self.gpu}&px=100")
            return answer if answer["lanes"] else None
        answer = until(lanes, "slices")
        lane = answer["lanes"][0]
        self.assertEqual(lane["name"], "train")
        self.assertEqual(lane["class"], "best-effort")
        self.assertLessEqual(len(lane["blocks"]), 200)
        begin, end, what, coverage = lane["blocks"][-1]
        self.assertLess(begin, end)
        self.assertIn(what, ("run", "share", "turn", "gate", "mixed"))
        self.assertTrue(0 <= coverage <= 1)
        one = self.serve.get(f"/api/v1/series?gpu={self.gpu}&names=utilization,power_watts")
        self.assertEqual([s["name"] for s in one["series"]], ["utilization", "power_watts"])
        lengths = {len(one["series"][0][key]) for key in ("t", "min", "mean", "max")}
        self.assertEqual(len(lengths), 1)
        events = self.serve.get("/api/v1/events")
        self.assertIn("join", [event["kind"] for event in events["events"]])
        self.assertEqual(events["next"], events["events"][-1]["seq"] + 1)
        again = self.serve.get(f"/api/v1/events?since={events['next']}")
        self.assertEqual([e for e in again["events"] if e["seq"] < events["next"]], [])

    def test_a_stream_begins_with_hello_and_goes_on(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.serve.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("GET", "/api/v1/stream?hz=10")
            response = connection.getresponse()
            self.assertEqual(response.headers["Content-Type"], "text/event-stream; charset=utf-8")
            seen = stream(response, ["hello", "snapshot", "slices"])
        self.assertEqual(seen["hello"][0]["schema"], 1)
        self.assertIsNone(seen["hello"][0]["replay"])
        self.assertEqual(seen["slices"][0][0]["gpu"], self.gpu)

    def test_a_viewer_that_stalls_loses_snapshots(self):
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect(("127.0.0.1", self.serve.port))
            stalled.sendall(b"GET /api/v1/stream?hz=10 HTTP/1.1\r\nHost: localhost\r\n\r\n")

            def drops():
                text = self.serve.request("GET", "/metrics")[2].decode()
                return float(re.search(r"^corun_viewer_drops_total (\S+)$", text, re.M)[1])
            until(lambda: drops() > 0, "a dropped snapshot")

    def test_y_a_daemon_that_is_killed_comes_back(self):
        before = self.serve.snapshot()["gpus"][0]["daemon"]["pid"]
        os.kill(before, signal.SIGKILL)  # corun run starts another one

        def another():
            daemon = self.serve.snapshot()["gpus"][0]["daemon"]
            return daemon and daemon["pid"] != before
        until(another, "another daemon")
        until(lambda: self.serve.snapshot()["workloads"], "its workload")

    def test_metrics_in_both_formats(self):
        _, headers, body = self.serve.request("GET", "/metrics")
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        for sample in ("corun_up 1", 'corun_daemon_up{gpu="0"', "corun_client_gpu_seconds_total{",
                       "DCGM_FI_DEV_GPU_UTIL{", 'corun_build_info{version='):
            self.assertIn(sample, body.decode())
        _, headers, body = self.serve.request(
            "GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
        self.assertIn("openmetrics-text", headers["Content-Type"])
        self.assertTrue(body.endswith(b"# EOF\n"))

    def test_only_requests_for_this_host_are_answered(self):
        for host, status in (("evil.example", 421), ("gpu.example:80", 200), ("localhost", 200)):
            self.assertEqual(
                self.serve.request("GET", "/-/healthy", headers={"Host": host})[0], status, host)

    def test_wrong_requests_are_told(self):
        for method, path, status in (
                ("GET", "/nothing", 404), ("DELETE", "/api/v1/snapshot", 405),
                ("POST", "/metrics", 405), ("GET", "/api/v1/slices", 400),
                ("GET", "/api/v1/stream?hz=1000", 400), ("POST", "/api/v1/replay", 404),
                ("GET", f"/api/v1/series?gpu={self.gpu}&names=loudness", 400),
                ("GET", f"/api/v1/slices?gpu={self.gpu}&from=9&to=3", 400)):
            got, headers, body = self.serve.request(method, path)
            self.assertEqual(got, status, path)
            self.assertTrue(json.loads(body)["error"]["what"], path)
            self.assertNotIn("Access-Control-Allow-Origin", headers)

    def test_a_change_needs_the_token_and_our_own_page(self):
        workload = self.serve.snapshot()["workloads"][0]["workload"]
        path, body = f"/api/v1/workloads/{workload}", json.dumps({"weight": 2.5})
        token = {"Authorization": f"Bearer {TOKEN}"}
        self.assertEqual(self.serve.request("POST", path, body)[0], 401)
        self.assertEqual(
            self.serve.request("POST", path, body, {"Authorization": "Bearer no"})[0], 401)
        self.assertEqual(
            self.serve.request("POST", path, body, {**token, "Origin": "http://evil"})[0], 403)
        self.assertEqual(self.serve.request("POST", path, "{}", token)[0], 400)
        self.assertEqual(self.serve.request("POST", path, body, token)[0], 200)
        until(lambda: self.serve.snapshot()["workloads"][0]["weight"] == 2.5, "the weight")

    def test_page_and_reports(self):
        status, headers, _ = self.serve.request("GET", "/")
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        reports = self.serve.get("/api/v1/reports")["reports"]
        self.assertEqual([(r["name"], r["mix"], r["modes"]) for r in reports],
                         [("one", "a-mix", ["mps"])])
        status, headers, body = self.serve.request("GET", reports[0]["href"])
        self.assertEqual((status, body), (200, b"<html>a report</html>"))
        self.assertIn("sandbox", headers["Content-Security-Policy"])
        for path in ("/reports/../token", "/reports/one/link.txt", "/reports/%2e%2e/token"):
            self.assertEqual(self.serve.request("GET", path)[0], 404, path)

    def test_z_the_recording_is_played(self):
        until(lambda: (self.path / "run.ndjson.gz").stat().st_size > 1000, "a recording")
        self.assertEqual(self.serve.end(), 0)
        replay = Serve(self.env, "--replay", self.path / "run.ndjson.gz")
        try:
            state = replay.snapshot()["replay"]
            self.assertEqual(state["file"], "run.ndjson.gz")
            middle = (state["from"] + state["to"]) / 2
            self.assertEqual(
                replay.request("POST", "/api/v1/replay",
                               json.dumps({"at": middle, "paused": True}))[0], 200)
            until(lambda: abs(replay.snapshot()["replay"]["at"] - middle) < 1.5, "the middle")
            self.assertTrue(replay.snapshot()["replay"]["paused"])
            lanes = replay.get(f"/api/v1/slices?gpu={self.gpu}&from={state['from']}"
                               f"&to={state['to']}")["lanes"]
            self.assertIn("train", [lane["name"] for lane in lanes])
            self.assertEqual(replay.request("POST", "/api/v1/replay", '{"at":1}')[0], 400)
        finally:
            self.assertEqual(replay.end(), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
