#!/usr/bin/env python3
"""tools/sweep.py and tools/sweep_plot.py: windows, ratios and the frontier, without a GPU."""

import argparse
import json
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import sweep  # noqa: E402
import sweep_plot  # noqa: E402


class Windows(unittest.TestCase):
    def test_items_between_two_samples_are_interpolated(self):
        self.assertEqual(sweep.at([(1000, 10), (2000, 30)], 1500), 20)

    def test_items_before_the_first_sample_count_from_zero(self):
        self.assertEqual(sweep.at([(1000, 10)], 500), 5)

    def test_items_after_the_last_sample_are_those_of_the_last(self):
        self.assertEqual(sweep.at([(1000, 10)], 5000), 10)

    def test_a_rate_of_few_large_steps_is_between_their_ends(self):
        # 4 items each 700 ms, the window from 0.5 s to 3 s: ends at 0.7, 1.4, 2.1, 2.8 s.
        steps = [(700_000.0 * i, 4 * i) for i in range(1, 6)]
        told = [(t, items) for t, items in steps for t in (t, t + 25_000)]  # samples without news
        self.assertAlmostEqual(sweep.rate(told, 0.5e6, 3e6), 4 / 0.7)

    def test_a_rate_of_many_items_is_of_the_whole_window(self):
        progress = [(10_000.0 * i, 3 * i) for i in range(1, 400)]
        self.assertAlmostEqual(sweep.rate(progress, 0.5e6, 3.5e6), 300)

    def test_a_rate_of_a_single_step_is_interpolated(self):
        self.assertAlmostEqual(sweep.rate([(2e6, 8), (4e6, 16)], 1e6, 3e6), 4)

    def test_every_repetition_has_each_variant_and_both_alone(self):
        options = argparse.Namespace(seed=1, reps=3, names=("a", "b"),
                                     variant=["{}", '{"hold":false}'])
        plan = sweep.variants_of(options)
        for rep in range(3):
            found = sorted((kind, what) for at, kind, what in plan if at == rep)
            self.assertEqual(found, [("alone", "a"), ("alone", "b"), ("variant", '{"hold":false}'),
                                     ("variant", "{}")])

    def test_the_order_depends_on_the_seed_alone(self):
        options = argparse.Namespace(seed=7, reps=4, names=("a", "b"), variant=["1", "2", "3"])
        self.assertEqual(sweep.variants_of(options), sweep.variants_of(options))
        other = argparse.Namespace(**{**vars(options), "seed": 8})
        self.assertNotEqual(sweep.variants_of(options), sweep.variants_of(other))

    def test_an_interval_of_one_repetition_is_none(self):
        self.assertEqual(sweep.interval([2.0])[1:], (None, None))

    def test_an_interval_is_of_ratios(self):
        mean, low, high = sweep.interval([0.5, 2.0, 1.0])
        self.assertAlmostEqual(mean, 1.0)
        self.assertAlmostEqual(low * high, 1.0)


def folder_with(scratch, mode, windows):
    folder = pathlib.Path(scratch) / mode
    folder.mkdir()
    (folder / "env.json").write_text(json.dumps({"mode": mode}))
    (folder / "windows.jsonl").write_text("".join(json.dumps(w) + "\n" for w in windows))
    return folder


def window(rep, kind, what, p99=None, rate=None):
    row = {"rep": rep, "kind": kind, "what": what}
    if p99 is not None:
        row["critical"] = {"p99": p99}
    if rate is not None:
        row["other"] = {"rate": rate}
    return row


WINDOWS = [window(0, "alone", "critical", p99=1.0), window(0, "alone", "other", rate=100),
           window(0, "variant", "{}", 1.5, 80), window(0, "variant", '{"policy":"none"}', 20, 75),
           window(1, "alone", "critical", p99=2.0), window(1, "alone", "other", rate=200),
           window(1, "variant", "{}", 3.0, 120), window(1, "variant", '{"policy":"none"}', 40, 150)]


class Frontier(unittest.TestCase):
    def test_ratios_are_taken_inside_a_repetition(self):
        with tempfile.TemporaryDirectory() as scratch:
            points = list(sweep_plot.points_of(folder_with(scratch, "managed", WINDOWS)))
        self.assertEqual([p[:2] for p in points],
                         [("managed", "as ordered"), ("time-slicing", "driver")])
        self.assertAlmostEqual(points[0][2], 1.5)
        self.assertAlmostEqual(points[0][3], 0.7)
        self.assertAlmostEqual(points[1][2], 20)

    def test_without_orders_mps_is_the_drivers_own(self):
        self.assertEqual(sweep_plot.series_of("managed-mps", {"policy": "none"}), "mps-priority")

    def test_a_label_names_what_differs(self):
        self.assertEqual(sweep_plot.label_of({"gate_with_slices": False, "wait_every_us": 400}),
                         "no gate, waits every 400 us")

    def test_a_job_that_beats_its_own_rate_stays_inside(self):
        canvas = sweep_plot.Canvas([("managed", "", 1.2, 1.147), ("managed", "", 2.0, 0.5)], "")
        self.assertGreaterEqual(canvas.y(1.147), sweep_plot.TOP)
        self.assertLess(canvas.y(1.147), canvas.y(1))
        self.assertLess(canvas.y(1), canvas.y(0.5))

    def test_the_plot_has_a_dot_for_each_variant(self):
        with tempfile.TemporaryDirectory() as scratch:
            points = list(sweep_plot.points_of(folder_with(scratch, "managed", WINDOWS)))
        canvas = sweep_plot.Canvas(points, "a < b")
        for row, name in enumerate(("time-slicing", "managed")):
            canvas.series(name, [p for p in points if p[0] == name], row)
        canvas.labels(points)
        tree = ElementTree.fromstring(canvas.svg())
        dots = [e for e in tree.iter() if e.tag.endswith("circle")]
        self.assertEqual(len(dots), 2)
        self.assertTrue(all(0 < float(dot.get("cx")) < sweep_plot.WIDTH for dot in dots))


if __name__ == "__main__":
    unittest.main()
