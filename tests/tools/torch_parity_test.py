"""tools/torch_parity.py: figures, intervals, verdicts; programs print what is planted."""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
import torch_parity  # noqa: E402


class Figures(unittest.TestCase):
    def test_a_figure_of_each_form(self):
        line = 'corun: info\n{"p50_us": 500.0, "items_per_s": 10.5, "p99_us": null}\n'
        self.assertEqual(torch_parity.figure(line, "items_per_s"), 10.5)
        self.assertEqual(torch_parity.figure(line, "p50_us"), 2000)  # higher is better, as rates
        summary = "warm        1 samples/s\nthroughput  412.5 samples/s (1 in 2 s)\n"
        self.assertEqual(torch_parity.figure(summary, "throughput"), 412.5)
        for text, key in ((line, "p99_us"), (summary, "latency"), ("", "throughput")):
            with self.assertRaises(torch_parity.Failed):
                torch_parity.figure(text, key)

    def test_an_interval_of_ratios(self):
        middle, low, high = torch_parity.estimate([0.9, 1.0, 1.1])
        self.assertAlmostEqual(middle, (0.9 * 1.0 * 1.1) ** (1 / 3))
        self.assertAlmostEqual(math.log(high / middle), math.log(middle / low))
        self.assertLess(low, 0.9)
        middle, low, high = torch_parity.estimate([2.0])
        self.assertAlmostEqual(middle, 2.0)
        self.assertEqual((low, high), (None, None))

    def test_a_verdict_needs_the_whole_interval(self):
        for goal, low, high, verdict in ((0.95, 0.96, 1.1, True), (0.95, 0.8, 0.9, False),
                                         (0.95, 0.9, 1.0, None), (0.95, None, None, None),
                                         (None, 0.9, 1.0, None), (0.95, 0.95, 1.0, True)):
            self.assertEqual(torch_parity.met(goal, low, high), verdict, (low, high))


class Programs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def plant(self, name, text, code=0):
        path = self.folder / name
        order = str(self.folder / "order")
        path.write_text(f"import sys\nopen({order!r}, 'a').write({name[0]!r})\n"
                        f"print({text!r})\nsys.exit({code})\n")
        return [sys.executable, path]

    def test_sides_run_in_turn(self):
        sides = {"ours": self.plant("a.py", '{"items_per_s": 30}'),
                 "theirs": self.plant("b.py", '{"items_per_s": 20}')}
        case = {"key": "items_per_s", "goal": 0.95}
        options = argparse.Namespace(repetitions=3)
        real = torch_parity.commands
        self.addCleanup(setattr, torch_parity, "commands", real)
        torch_parity.commands = lambda case, options: sides
        line = torch_parity.measure("planted", case | {"theirs": []}, options)
        self.assertAlmostEqual(line["ratio"], 1.5)
        self.assertTrue(line["met"])
        self.assertEqual((self.folder / "order").read_text(), "abbaab")

    def test_a_failed_run_is_told_with_its_reason(self):
        with self.assertRaisesRegex(torch_parity.Failed, "exit code 4"):
            torch_parity.run(self.plant("a.py", "", code=4), "throughput")

    def test_commands_hold_what_was_asked_for(self):
        options = argparse.Namespace(seconds=2.5, device="cpu", bin=pathlib.Path("/b"))
        for name, case in torch_parity.CASES.items():
            sides = torch_parity.commands(case, options)
            words = " ".join(map(str, sides["ours"]))
            self.assertTrue(words.startswith("/b/corun-"), name)
            self.assertIn("2.5s", words)
            self.assertNotIn("{", words)

    def test_a_case_that_does_not_exist(self):
        ran = subprocess.run([sys.executable, TOOLS / "torch_parity.py", "--cases", "none"],
                             capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 2)
        self.assertIn("there is no case 'none'", ran.stderr)


class Replay(unittest.TestCase):
    def test_times_add_up(self):
        sys.path.insert(0, str(TOOLS.parent / "workloads" / "reference"))
        import replay
        calls = []
        figures = replay.timed(lambda: calls.append(1), lambda: None, 0.2, batch=3)
        self.assertEqual(figures["runs"] + 1, len(calls))  # the first one is not timed
        self.assertLessEqual(figures["p50_us"], figures["p99_us"])
        self.assertGreater(figures["items_per_s"], 0)
        json.dumps(figures)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
