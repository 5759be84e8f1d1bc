#!/usr/bin/env python3
"""A real Prometheus scrapes corun serve over a simulated node with two workloads, and is asked by
its HTTP API for series, recordings, alerts and what the dashboard shows.

  scrape_test.py BUILD_DIR     exits with 77 where Prometheus (Debian's package) is missing
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

import known

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from until import PATIENCE_S, until  # noqa: E402

BUILD = pathlib.Path(sys.argv[1])
CORUN = BUILD / "bin" / "corun"
SYNTHETIC = BUILD / "bin" / "corun-synthetic"
CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [RULES]
scrape_configs:
  - job_name: corun
    honor_labels: true
    static_configs: [{targets: ["127.0.0.1:PORT"]}]
"""


def free_port():
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Prometheus:
    """A running one that scrapes the port of corun serve."""

    def __init__(self, folder, scraped, start):
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.replace("RULES", f"{known.RECORDING}, {known.ALERTING}")
                          .replace("PORT", str(scraped)))
        self.port = free_port()
        child = start(["prometheus", f"--config.file={config}",
                       f"--storage.tsdb.path={folder / 'tsdb'}",
                       f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"])
        until(lambda: child.poll() is not None or self.ready(), "Prometheus")
        if child.poll() is not None:
            raise AssertionError(f"prometheus ended with {child.returncode}")

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
            return json.load(reply)["data"]

    def query(self, expr):
        """[(labels, value)] of an instant."""
        found = self.get("query", query=expr)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def value(self, expr):
        """Of the only series, or None; NaN is None too."""
        found = self.query(expr)
        return found[0][1] if len(found) == 1 and found[0][1] == found[0][1] else None

    def alerts(self, state):
        found = self.query(f'ALERTS{{alertstate="{state}"}}')
        return {(labels["alertname"], labels.get("name", "")) for labels, _ in found}


class ScrapeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="corun-prometheus-")
        cls.addClassCleanup(folder.cleanup)
        path = pathlib.Path(folder.name)
        (path / "node").mkdir()
        cls.env = {**os.environ, "CORUN_DRIVER_DIR": str(BUILD / "simgpu"),
                   "CORUN_SIM_NODE": str(path / "node")}
        cls.env.pop("CORUN_RUN_DIR", None)
        node = cls.start([BUILD / "simgpu" / "corun-simgpud", "--node", path / "node"])
        until(lambda: node.poll() is not None or (path / "node" / "ready").exists(), "node")
        serve = subprocess.Popen([CORUN, "serve", "--listen", "127.0.0.1:0"], env=cls.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        cls.addClassCleanup(cls.end, serve)
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", serve.stdout.readline())[1])
        serve.stdout.close()
        # A target that no request can meet, so that its alert is pending.
        cls.work("server", "latency-critical", "infer", "--rate", "20",
                 options=["--latency-target", "1us"])
        cls.work("train", "best-effort", "train")
        until(lambda: cls.workloads() == {"server", "train"}, "workloads")
        cls.prometheus = Prometheus(path, port, cls.start)
        until(lambda: cls.prometheus.value('corun_client_burst_seconds_count{name="server"}'),
              "bursts of a workload")

    @classmethod
    def end(cls, child):
        child.terminate()
        child.wait(PATIENCE_S)

    @classmethod
    def start(cls, command):
        child = subprocess.Popen(list(map(str, command)), env=cls.env, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.end, child)
        return child

    @classmethod
    def work(cls, name, service_class, *what, options=()):
        cls.start([CORUN, "run", "--gpu", "simulated", "--name", name, "--class", service_class,
                   *options, "--", SYNTHETIC, *what, "--duration", "300s"])

    @classmethod
    def status(cls):
        """The daemons, as `corun status` tells them."""
        asked = subprocess.run([CORUN, "status", "--json"], env=cls.env, capture_output=True,
                               text=True, timeout=PATIENCE_S, check=False)
        return json.loads(asked.stdout)["daemons"] if asked.returncode == 0 else []

    @classmethod
    def workloads(cls):
        return {one["name"] for daemon in cls.status() for one in daemon["workloads"]}

    def test_a_the_target_is_up_and_its_rules_are_healthy(self):
        self.assertEqual(self.prometheus.value('up{job="corun"}'), 1)
        target = self.prometheus.get("targets")["activeTargets"][0]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        rules = [rule for group in self.prometheus.get("rules")["groups"]
                 for rule in group["rules"]]
        self.assertGreater(len(rules), 30)

        def evaluated():
            now = [rule for group in self.prometheus.get("rules")["groups"]
                   for rule in group["rules"]]
            return all(rule["health"] == "ok" for rule in now)
        until(evaluated, "rules without an error")

    def test_b_the_histogram_is_one(self):
        seen = self.prometheus.query('corun_client_burst_seconds_bucket{name="server"}')
        counts = [value for _, value in sorted(seen, key=lambda one: float(one[0]["le"]))]
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(len(counts), 17)
        self.assertGreater(counts[-1], 0)
        # Requests take 600 us alone.
        mean = 'corun_client_burst_seconds_sum{name="server"} / ' \
               'corun_client_burst_seconds_count{name="server"}'
        self.assertTrue(0.0003 < self.prometheus.value(mean) < 1)
        # It counts what the daemon's own counter counts.
        both = 'corun_client_burst_seconds_count{name="server"} / ' \
               'ignoring (le) corun_client_bursts_total{name="server"}'
        self.assertGreater(self.prometheus.value(both), 0.9)

    def test_c_recordings_have_values(self):
        until(lambda: self.prometheus.value('corun:client_burst_seconds:p99_5m{name="server"}'),
              "p99 from the histogram")
        until(lambda: self.prometheus.value('corun:client_gpu:ratio_rate1m{name="train"}'),
              "GPU time of the training")
        accounted = until(lambda: self.prometheus.value("corun:gpu_accounted:ratio_rate1m"),
                          "where the time went")
        self.assertTrue(0.9 < accounted < 1.1, accounted)
        parts = {labels["what"] for labels, _ in
                 self.prometheus.query("corun:gpu_time:ratio_rate1m")}
        self.assertLessEqual({"idle", "workloads"}, parts)
        share = 'corun:client_share:ratio_of_entitled{name="train"}'
        self.assertGreater(until(lambda: self.prometheus.value(share), "a share"), 0)

    def test_d_what_is_late_is_pending_and_nothing_else_fires(self):
        late = ("CorunLatencyAboveTarget", "server")
        until(lambda: late in self.prometheus.alerts("pending"), "the alert on latency")
        # On a busy machine a workload may be kept from opening its gate in time.
        busy = {("CorunGateOpenedByForce", "")}
        self.assertEqual(self.prometheus.alerts("firing") - busy, set())

    def test_d_no_counter_goes_back(self):
        names = [name for name in self.prometheus.get("label/__name__/values")
                 if re.fullmatch(r"corun_\w+_(total|bucket|sum|count)", name)]
        self.assertGreater(len(names), 30)
        for name in names:
            self.assertEqual(self.prometheus.query(f"resets({name}[5m]) > 0"), [], name)

    def test_e_every_expression_of_the_dashboard_is_answered(self):
        with_answer = set()
        for title, expr in known.expressions(known.dashboard()):
            if self.prometheus.query(expr):
                with_answer.add(title)
        for title in ("GPUs", "Workloads", "GPU time", "p99 against its target", "Waits", "Power",
                      "Memory by workload", "Parks", "Lengths of bursts", "Scrape"):
            self.assertIn(title, with_answer)

    def test_f_a_corund_that_is_killed_is_told_and_counters_go_on(self):
        before = self.prometheus.value('corun_client_burst_seconds_count{name="server"}')
        pids = [one["pid"] for one in self.status()]
        self.assertEqual(len(pids), 1)
        os.kill(pids[0], signal.SIGKILL)  # corun run starts another one
        restarted = ("CorunDaemonRestarted", "")
        until(lambda: restarted in self.prometheus.alerts("firing"), "the alert on the restart")
        # The new one counts from 0, which Prometheus takes for a reset: the increase goes on.
        until(lambda: self.prometheus.value(
            'resets(corun_client_burst_seconds_count{name="server"}[5m])'), "a reset")
        increase = 'increase(corun_client_burst_seconds_count{name="server"}[5m])'
        self.assertGreater(self.prometheus.value(increase), 0)
        self.assertGreater(before, 0)


if __name__ == "__main__":
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        print("skipped: Prometheus is not installed (Debian package prometheus)")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
