#!/usr/bin/env python3
"""tools/pair_matrix.py, pair_table.py and the trials: plans, ratios, bounds and gaps, no GPU."""

import argparse
import gzip
import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import fault_trial  # noqa: E402
import pair_matrix  # noqa: E402
import pair_plot  # noqa: E402
import pair_table  # noqa: E402
import parking_trial  # noqa: E402
import shim_overhead  # noqa: E402
import sweep  # noqa: E402


class FakeTenant:
    """Has said all that it will say of a window."""

    def __init__(self, *messages):
        self.messages = list(messages)

    def wait_for(self, kind, _seconds):
        assert self.messages[-1]["type"] == kind
        return self.messages


class Window(unittest.TestCase):
    def test_figures_leave_the_first_part_out(self):
        tenant = FakeTenant(
            {"type": "progress", "t_us": [500_000, 2_500_000], "items": [100, 500]},
            {"type": "requests", "scheduled_us": [100_000, 900_000, 1_000_000],
             "end_us": [190_000, 901_000, 1_003_000]},
            {"type": "done", "unanswered": 2, "checksum_ok": True})
        found, latencies = sweep.figures(tenant, 2.5, 0.5)
        self.assertEqual(latencies, [(900_000, 1.0), (1_000_000, 3.0)])
        self.assertEqual((found["rate"], found["requests"], found["mean"]), (200, 2, 2.0))
        self.assertEqual((found["unanswered"], found["checksum_ok"]), (2, True))

    def test_who_answers_no_requests_has_no_latency(self):
        found, latencies = sweep.figures(FakeTenant({"type": "done"}), 2.5, 0.5)
        self.assertEqual((latencies, found["rate"]), ([], 0))
        self.assertNotIn("p99", found)


def options(repeat_orders=False, **more):
    return argparse.Namespace(
        seed=1, blocks=2, orders=["{}", "none"], main_load=0.3, repeat_orders=repeat_orders,
        criticals=[pair_matrix.Workload("bert=x", True, [0.3, 0.16]),
                   pair_matrix.Workload("own!=x", True, [0.3, 0.16])],
        others=[pair_matrix.Workload("gpt2=x", False, [])], **more)


class Plan(unittest.TestCase):
    def test_each_block_has_everybody_alone_at_each_load(self):
        for block in range(2):
            alone = [w[2:5] for w in pair_matrix.plan(options()) if w[:2] == (block, "alone")]
            self.assertCountEqual(alone, [("bert", 0.3, None), ("bert", 0.16, None),
                                          ("own", None, None), (None, None, "gpt2")])

    def test_other_orders_come_first_and_other_loads_second(self):
        pairs = [(w[0], *w[2:4], w[5]) for w in pair_matrix.plan(options()) if w[1] == "pair"]
        self.assertCountEqual(pairs, [
            (0, "bert", 0.3, "{}"), (0, "own", None, "{}"), (0, "bert", 0.3, "none"),
            (0, "own", None, "none"), (1, "bert", 0.3, "{}"), (1, "own", None, "{}"),
            (1, "bert", 0.16, "{}")])

    def test_orders_can_be_repeated_in_every_block(self):
        pairs = [(w[0], w[5]) for w in pair_matrix.plan(options(repeat_orders=True))
                 if w[1] == "pair" and w[2] == "own"]
        self.assertCountEqual(pairs, [(0, "{}"), (0, "none"), (1, "{}"), (1, "none")])

    def test_a_workload_without_a_command_is_refused(self):
        with self.assertRaises(SystemExit):
            pair_matrix.Workload("bert", True, [])


class Table(unittest.TestCase):
    def test_requests_that_queue_are_one_visit(self):
        # busy for 1 ms, then for 2 ms without a break: two visits in 0.1 s
        requests = [(0.0, 1.0), (50.0, 1.0), (50.5, 1.5)]
        self.assertAlmostEqual(pair_table.bound(requests, 0.1),
                               1 - 0.003 / 0.1 - 2 * (2 / 0.1) * 0.18e-3)

    def test_ratios_are_taken_inside_a_block(self):
        def row(window, block, kind, critical=None, other=None, c=None, o=None, orders=None):
            figures = {"c": {"p99": c, "p50": c, "rate": 10}} if c else {}
            figures |= {"o": {"rate": o}} if o else {}
            return {"window": window, "block": block, "kind": kind, "critical": critical,
                    "load": None, "other": other, "orders": orders, "seconds": 1.0, **figures}

        rows = [row(1, 0, "alone", "s", c=1.0), row(2, 0, "alone", other="t", o=100),
                row(3, 0, "pair", "s", "t", 1.5, 80, "{}"), row(4, 1, "alone", "s", c=2.0),
                row(5, 1, "alone", other="t", o=200), row(6, 1, "pair", "s", "t", 2.2, 100, "{}"),
                row(7, 2, "pair", "s", "t", 9.0, 1, "{}")]
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            (folder / "windows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
            with gzip.open(folder / "latencies.csv.gz", "wt") as file:
                file.write("window,scheduled_us,latency_ms\n")
                file.writelines(f"{w},0,1.0\n" for w in (1, 3, 4, 6, 7))
            found = pair_table.pairs(*pair_table.load(folder))
        values = found["{}", "s", None, "t"]
        self.assertEqual([v["window"] for v in values], [3, 6])
        self.assertEqual([round(v["p99"], 6) for v in values], [1.5, 1.1])
        self.assertEqual([v["rate"] for v in values], [0.8, 0.5])

    def test_a_mean_is_over_pools_of_all_blocks_and_leaves_out_what_is_named(self):
        def row(window, kind, critical=None, other=None, rate=None):
            return {"window": window, "block": 0, "kind": kind, "critical": critical,
                    "load": 0.3 if critical else None, "other": other,
                    "orders": "{}" if kind == "pair" else None,
                    **({"o": {"rate": rate}} if rate else {})}

        rows = [row(1, "alone", "s"), row(2, "alone", other="t", rate=100),
                row(3, "pair", "s", "t", 80), row(4, "pair", "s", "t", 60),
                row(5, "alone", other="t85", rate=50), row(6, "pair", "s", "t85", 40)]
        latencies = {1: [(0, 1.0)] * 200, 3: [(0, 1.0)] * 190, 4: [(0, 2.0)] * 10,
                     6: [(0, 3.0)] * 200}
        count, mean, low, high, kept = pair_table.pooled(rows[:4], latencies)["{}"]
        self.assertEqual((count, mean, low, high), (1, 2.0, 2.0, 2.0))  # 10 of 200 took 2 ms
        self.assertAlmostEqual(kept, 0.7)
        without = [r for r in rows if pair_table.wanted(r, ["s", "t"], 0.3, {4})]
        self.assertEqual([r["window"] for r in without], [1, 2, 3, 5])
        by_another = pair_table.pooled(rows, latencies, {"t85": "t"})["{}"]
        self.assertAlmostEqual(by_another[4], (0.7 + 0.4) / 2)

    def test_folders_are_taken_together_and_their_windows_kept_apart(self):
        with tempfile.TemporaryDirectory() as scratch:
            folders = [pathlib.Path(scratch) / name for name in ("a", "b")]
            for folder in folders:
                folder.mkdir()
                (folder / "windows.jsonl").write_text('{"window": 1, "block": 0}\n')
                with gzip.open(folder / "latencies.csv.gz", "wt") as file:
                    file.write(f"window,scheduled_us,latency_ms\n1,0,{len(folder.name)}.5\n")
            rows, latencies = pair_table.load_all(folders)
        self.assertEqual([row["window"] for row in rows],
                         [pair_table.window_of("1"), pair_table.window_of("2:1")])
        self.assertEqual(len({row["block"] for row in rows}), 2)
        self.assertEqual(set(latencies), {row["window"] for row in rows})

    def test_folders_of_one_mode_are_one_dot_a_pair(self):
        with tempfile.TemporaryDirectory() as scratch:
            folders = [pathlib.Path(scratch) / name for name in ("first", "second", "mps")]
            for folder, shared_ms in zip(folders, (2.0, 3.0, 1.0)):
                folder.mkdir()
                mode = "managed-mps" if folder.name == "mps" else "managed"
                (folder / "env.json").write_text(json.dumps({"mode": mode}))
                rows = [{"kind": "alone", "critical": "s"},
                        {"kind": "alone", "other": "t", "o": {"rate": 100}},
                        {"kind": "pair", "critical": "s", "other": "t", "orders": "{}",
                         "o": {"rate": 10 * shared_ms}},
                        {"kind": "pair", "critical": "s", "other": "t", "orders": '{"a":1}',
                         "o": {"rate": 1}}]
                base = {"block": 0, "critical": None, "other": None, "load": None, "orders": None}
                (folder / "windows.jsonl").write_text("".join(
                    json.dumps({**base, "window": number, **row}) + "\n"
                    for number, row in enumerate(rows, 1)))
                with gzip.open(folder / "latencies.csv.gz", "wt") as file:
                    file.write(f"window,scheduled_us,latency_ms\n1,0,1\n3,0,{shared_ms}\n4,0,9\n")
            options = argparse.Namespace(only=None, load=None, without=set())
            points = [(series, label, round(p99, 6), rate) for series, label, p99, rate
                      in pair_plot.points_of(folders, options)]
        self.assertEqual(points, [("managed", "s beside t", 3.0, 0.25),
                                  ("managed-mps", "s beside t", 1.0, 0.1)])

    def test_another_load_is_left_out_but_a_rate_of_its_own_is_not(self):
        row = {"window": 1, "kind": "pair", "critical": "s", "other": "t", "load": 0.16}
        self.assertFalse(pair_table.wanted(row, None, 0.3, ()))
        self.assertTrue(pair_table.wanted({**row, "load": None}, None, 0.3, ()))


class Cost(unittest.TestCase):
    def test_it_is_taken_from_pairs_without_the_extreme_ones(self):
        def pair(plain, corun):
            return {"plain": {"p25": plain, "p50": plain}, "corun": {"p25": corun, "p50": corun}}

        # a processor that is slow for a while, one stall on either side
        pairs = [pair(ms, 1.01 * ms) for ms in [1.0] * 9 + [2.0] * 9] + [pair(1, 9), pair(9, 1)]
        self.assertIn("20 pairs of 1.500 ms, p25 1.00 [", shim_overhead.summary_of_pairs(pairs))


class Trials(unittest.TestCase):
    def test_what_the_neighbours_felt_is_told_before_and_after(self):
        progress = [(1_000_000, 10), (1_500_000, 20), (2_600_000, 20), (2_700_000, 30)]
        latencies = [(500_000, 2.0), (2_100_000, 190.0)]
        felt = fault_trial.felt({"job": (progress, [], {"checksum_ok": True}),
                                 "server": ([], latencies, {"checksum_ok": False})}, 2_000_000)
        self.assertEqual((felt["server_worst_ms_before"], felt["server_worst_ms_after"]),
                         (2.0, 190.0))
        self.assertEqual((felt["job_longest_gap_ms_before"], felt["job_longest_gap_ms_after"]),
                         (1000.0, 1200.0))
        self.assertEqual((felt["job_right"], felt["server_right"]), (True, False))

    def test_time_without_progress_counts_to_the_end_of_the_window(self):
        self.assertEqual(parking_trial.longest_gap_s([(1e6, 5), (2e6, 9), (30e6, 9)], 60), 58)
        self.assertEqual(parking_trial.longest_gap_s([(40e6, 5), (59e6, 9)], 60), 40)


if __name__ == "__main__":
    unittest.main()
