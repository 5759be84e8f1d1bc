"""tools/harness_overhead.py finds the overhead that is planted in programs with known figures."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "harness_overhead.py"
sys.path.insert(0, str(TOOL.parent))
import harness_overhead  # noqa: E402

# Figures of the k-th run wander a little, and the same on both sides.
PROGRAM = """#!/usr/bin/env python3
import json, pathlib, sys
counter = pathlib.Path(__file__).with_suffix(".count")
k = int(counter.read_text()) if counter.exists() else 0
counter.write_text(str(k + 1))
pathlib.Path(__file__).with_name("order").open("a").write(NAME + " ")
rate, p99_us = 10000 * SHARE + k % 2, 150 + MORE_US
"""
ALONE = PROGRAM + """
if "--item-us" in sys.argv: print("calibrated: 70000 steps take 100.00 us")
assert "--item-us" in sys.argv or sys.argv[sys.argv.index("--item-steps") + 1] == "70000"
print(f"throughput  {rate} items/s (1 in 1 s)")
print(f"latency     n 9000, p50 0.1000 ms, p95 0.1100 ms, p99 {p99_us / 1000:.4f} ms")
"""
BENCH = PROGRAM + """
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
out.mkdir()
assert "noop=corun-synthetic noop --item-steps 70000" in sys.argv
row = {"valid": VALID, "reason": "" if VALID else "the cell is void", "throughput": rate,
       "cpu_bound": False, "latency_ms": {"p99": {"value": p99_us / 1000}}}
(out / "rows.jsonl").write_text((json.dumps(row) + "\\n") * 3)
"""


def with_settings(text, name, share=1.0, more_us=0.0, valid=True):
    settings = f"NAME, SHARE, MORE_US, VALID = {name!r}, {share}, {more_us}, {valid}\n"
    first, rest = text.split("\n", 1)
    return first + "\n" + settings + rest


class HarnessOverhead(unittest.TestCase):
    def run_tool(self, share=1.0, more_us=0.0, valid=True):
        with tempfile.TemporaryDirectory() as folder:
            programs = {"corun-synthetic": with_settings(ALONE, "alone"),
                        "corun": with_settings(BENCH, "bench", share, more_us, valid)}
            for name, text in programs.items():
                path = pathlib.Path(folder) / name
                path.write_text(text)
                path.chmod(0o755)
            done = subprocess.run([sys.executable, str(TOOL), "--bin", folder, "--pairs", "4"],
                                  capture_output=True, text=True, check=False)
            return done, (pathlib.Path(folder) / "order").read_text().split()

    def test_a_harness_that_costs_nothing_is_within(self):
        done, _ = self.run_tool()
        self.assertEqual(done.stdout.count("WITHIN"), 2, done.stdout + done.stderr)

    def test_planted_overheads_are_found(self):
        done, _ = self.run_tool(share=0.97, more_us=40)
        self.assertIn("throughput  +3.00 %", done.stdout)
        self.assertIn("p99         +40.00 us", done.stdout)
        self.assertEqual(done.stdout.count(": ABOVE"), 2, done.stdout)

    def test_runs_are_taken_in_the_order_abba(self):
        _, order = self.run_tool()
        self.assertEqual(order[1:], ["alone", "bench", "bench", "alone"] * 2)  # [0] fits the steps

    def test_void_cells_are_an_error_with_their_reason(self):
        done, _ = self.run_tool(valid=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the cell is void", done.stderr)

    def test_runs_that_differ_widely_tell_nothing(self):
        estimate = harness_overhead.interval([-5.0, 4.0, 3.0, -4.0])
        self.assertTrue(harness_overhead.verdict(estimate, 1.0).startswith("CANNOT TELL"))

    def test_the_interval_is_that_of_student(self):
        estimate = harness_overhead.interval([1.0, 2.0, 3.0])  # 2 +- 4.303 * 1 / sqrt(3)
        self.assertAlmostEqual(estimate["low"], 2 - 4.303 / 3**0.5, places=6)


if __name__ == "__main__":
    unittest.main()
