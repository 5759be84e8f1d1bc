"""workloads/reference under a fake harness, and without PyTorch."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "workloads" / "reference"
sys.path.insert(0, str(REFERENCE))
import row_protocol  # noqa: E402
import serving  # noqa: E402

# A workload of 5 ms items that misbehaves as its argument says.
PROGRAM = """
import sys, time
sys.path.insert(0, sys.argv[1])
import row_protocol

class Sleeper(row_protocol.Workload):
    kind, unit = "inference", "requests/s"
    warmed = 0
    settle_tolerance = 2.0 if sys.argv[2] == "wandering" else 0.0

    def initialise(self):
        if sys.argv[2] == "broken":
            raise RuntimeError("out of memory\\nand more")

    def warm(self, seconds):
        self.warmed += 1
        time.sleep(seconds)
        return 200.0, 200.0 * (self.warmed if sys.argv[2] in ("restless", "wandering") else 1)

    def run(self, window, log):
        at = window.start_ns
        while at < window.end_ns:
            time.sleep(max(0, (at - time.monotonic_ns()) / 1e9))
            log.request(at, time.monotonic_ns(), time.monotonic_ns())
            at += 5_000_000
        return 2

    def verify(self):
        return "c0ffee", sys.argv[2] != "corrupt"

    def memory_bytes(self):
        return 4096

    def take_notes(self):
        return ["a note"]

sys.exit(row_protocol.run(Sleeper(), seconds=0.2))
"""


class Harness:
    """Two FIFOs and a child, as corun has them."""

    def __init__(self, test, behaviour="good"):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        ends = [os.path.join(folder.name, name) for name in ("rows", "control")]
        for path in ends:
            os.mkfifo(path)
        self.rows = os.fdopen(os.open(ends[0], os.O_RDWR), encoding="utf-8")
        self.control = os.fdopen(os.open(ends[1], os.O_RDWR), "w", buffering=1)
        test.addCleanup(self.rows.close)
        test.addCleanup(self.control.close)
        env = os.environ | {"CORUN_ROWS": ends[0], "CORUN_CONTROL": ends[1]}
        self.child = subprocess.Popen([sys.executable, "-c", PROGRAM, str(REFERENCE), behaviour],
                                      env=env, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.child.stderr.close)
        test.addCleanup(self.child.wait)
        test.addCleanup(self.child.kill)

    def send(self, **command):
        self.control.write(json.dumps(command) + "\n")

    def until(self, kind):
        """The lines up to the first of this type, or the first error."""
        lines = []
        while not lines or lines[-1]["type"] not in (kind, "error"):
            lines.append(json.loads(self.rows.readline()))
        return lines

    def stop(self):
        self.send(cmd="stop")
        return self.child.wait(20)


class UnderTheHarness(unittest.TestCase):
    def window(self, behaviour="good", seconds=0.5):
        harness = Harness(self, behaviour)
        harness.send(cmd="warm", max_s=5, window_s=0.01)
        harness.until("ready")
        start_ns = time.monotonic_ns() + 50_000_000
        harness.send(cmd="start", window=3, at_ns=start_ns, seconds=seconds, seed=7)
        lines = harness.until("done")
        self.assertEqual(harness.stop(), 0)
        return lines

    def test_says_that_it_is_initialised_and_then_ready(self):
        harness = Harness(self)
        self.assertEqual(harness.until("initialised"), [{"type": "initialised"}])
        harness.send(cmd="warm", max_s=5, window_s=0.01)
        lines = harness.until("ready")
        self.assertEqual(lines[-1], {"type": "ready", "kind": "inference", "unit": "requests/s",
                                     "rate": 200.0})
        self.assertIn({"type": "note", "text": "a note"}, lines)
        self.assertEqual(harness.stop(), 0)

    def test_progress_never_falls_and_ends_at_the_items(self):
        lines = self.window()
        progress = [line for line in lines if line["type"] == "progress"]
        times = [t for line in progress for t in line["t_us"]]
        items = [n for line in progress for n in line["items"]]
        self.assertEqual((times[0], items[0]), (0, 0))
        self.assertEqual(times, sorted(times))
        self.assertEqual(items, sorted(items))
        self.assertEqual(items[-1], lines[-1]["items"])
        self.assertGreaterEqual(len(progress), 3)

    def test_each_request_is_told_once_with_its_three_times(self):
        lines = self.window()
        requests = [line for line in lines if line["type"] == "requests"]
        scheduled = [t for line in requests for t in line["scheduled_us"]]
        self.assertEqual(scheduled, [5000.0 * i for i in range(100)])
        for line in requests:
            self.assertEqual(line["window"], 3)
            for times in zip(line["scheduled_us"], line["start_us"], line["end_us"]):
                self.assertEqual(list(times), sorted(times))

    def test_done_carries_all_that_is_known(self):
        done = self.window()[-1]
        self.assertEqual(done["items"], 100)
        self.assertEqual(done["unanswered"], 2)
        self.assertEqual((done["checksum"], done["checksum_ok"]), ("c0ffee", True))
        self.assertEqual(done["memory_bytes"], 4096)
        self.assertGreaterEqual(done["t_us"], 495_000)

    def test_wrong_results_are_told(self):
        self.assertIs(self.window("corrupt")[-1]["checksum_ok"], False)

    def test_end_of_the_commands_is_stop(self):
        done = subprocess.run([sys.executable, "-c", PROGRAM, str(REFERENCE), "good"], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=os.environ | {"CORUN_ROWS": "1", "CORUN_CONTROL": "0"})
        self.assertEqual((done.returncode, done.stdout), (0, '{"type":"initialised"}\n'))

    def test_a_failure_is_one_error_line_and_exit_code_1(self):
        harness = Harness(self, "broken")
        self.assertEqual(harness.until("error"),
                         [{"type": "error", "text": "RuntimeError: out of memory"}])
        self.assertEqual(harness.child.wait(20), 1)

    def test_rates_that_never_settle_are_an_error_that_names_them(self):
        harness = Harness(self, "restless")
        harness.send(cmd="warm", max_s=0.05, window_s=0.02)
        text = harness.until("ready")[-1]["text"]
        self.assertIn("not warm after 0.05 s", text)
        self.assertIn("400", text)

    def test_a_workload_may_allow_itself_more_tolerance(self):
        harness = Harness(self, "wandering")
        harness.send(cmd="warm", max_s=0.5, window_s=0.02)
        self.assertEqual(harness.until("ready")[-1]["rate"], 200.0)


class Alone(unittest.TestCase):
    def run_alone(self, behaviour):
        env = {key: value for key, value in os.environ.items() if key != "CORUN_ROWS"}
        return subprocess.run([sys.executable, "-c", PROGRAM, str(REFERENCE), behaviour], env=env,
                              capture_output=True, text=True, check=False)

    def test_prints_a_summary(self):
        done = self.run_alone("good")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("checksum    c0ffee ok", done.stdout)
        self.assertIn("latency     n 40", done.stdout)

    def test_a_wrong_checksum_is_exit_code_1(self):
        self.assertEqual(self.run_alone("corrupt").returncode, 1)

    def test_the_scripts_explain_themselves_without_pytorch(self):
        for script in ("infer.py", "train.py"):
            done = subprocess.run([sys.executable, str(REFERENCE / script), "--help"],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("--model", done.stdout)

    def test_inference_needs_a_rate_or_a_load(self):
        done = subprocess.run([sys.executable, str(REFERENCE / "infer.py")], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--rate", done.stderr)


class Arrivals(unittest.TestCase):
    def test_a_seed_gives_the_same_arrivals_again(self):
        first = serving.arrivals_s("poisson", 300, 2, 7)
        self.assertEqual(first, serving.arrivals_s("poisson", 300, 2, 7))
        self.assertNotEqual(first, serving.arrivals_s("poisson", 300, 2, 8))

    def test_arrivals_ascend_inside_the_window_at_the_rate(self):
        for process, slack in (("poisson", 150), ("constant", 1)):
            arrivals = serving.arrivals_s(process, 300, 10, 7)
            self.assertEqual(arrivals, sorted(arrivals))
            self.assertGreaterEqual(arrivals[0], 0)
            self.assertLess(arrivals[-1], 10)
            self.assertAlmostEqual(len(arrivals), 3000, delta=slack)

    def test_percentile_is_a_measured_value(self):
        self.assertEqual(serving.percentile([3, 1, 2], 0.5), 2)
        self.assertEqual(serving.percentile([3, 1, 2], 0.99), 3)


class LateRequests(unittest.TestCase):
    def test_a_request_never_ends_before_it_begins(self):
        lines = []
        log = row_protocol.Log(row_protocol.Window(1, 1_000_000, 1.0, 0), lines.append)
        log.request(3_000_000, 2_000_000, 1_500_000)
        log.finish(4_000_000)
        line = next(line for line in lines if line["type"] == "requests")
        self.assertEqual((line["scheduled_us"], line["start_us"], line["end_us"]),
                         ([2000.0], [2000.0], [2000.0]))


if __name__ == "__main__":
    unittest.main()
