"""workloads/reference/repl.py: cells in a Python prompt, measured from outside."""

import argparse
import importlib.util
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "workloads" / "reference"
sys.path.insert(0, str(REFERENCE))
import repl  # noqa: E402

# The tests' module has the name of one of repl's.
SPEC = importlib.util.spec_from_file_location(
    "servers", ROOT / "tests" / "workloads" / "inference" / "serving.py")
servers = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(servers)

NOTEBOOK = '''"""A notebook."""
kept = []

# %% count
for i in range(3):
    kept.append(i)

print("no line is", "taken for the end")
# %%
def twice(x):

    return 2 * x
assert twice(len(kept)) >= 6
# %% fail
raise ValueError("on purpose")
'''


class Cells(unittest.TestCase):
    def test_marks_separate_them(self):
        cells = repl.split_cells(NOTEBOOK)
        self.assertEqual([name for name, _ in cells], ["cell 1", "count", "cell 3", "fail"])
        self.assertEqual(cells[3][1], 'raise ValueError("on purpose")\n')
        self.assertEqual(repl.split_cells("# only a comment\n# %% empty\n\n"), [])

    def test_think_times(self):
        generator = random.Random(3)
        self.assertEqual(repl.parse_think("constant:250ms")(generator), 0.25)
        draws = [repl.parse_think("lognormal:2s:1")(generator) for _ in range(4000)]
        self.assertAlmostEqual(statistics.median(draws), 2, delta=0.15)
        draws = [repl.parse_think("exponential:2s")(generator) for _ in range(4000)]
        self.assertAlmostEqual(statistics.fmean(draws), 2, delta=0.15)
        for wrong in ("2s", "constant:2", "constant:2s:1", "normal:2s", "lognormal:2s:x"):
            with self.assertRaises(argparse.ArgumentTypeError):
                repl.parse_think(wrong)

    def test_a_cell_is_one_whole_and_its_variables_stay(self):
        prompt = repl.Prompt([sys.executable, "-i", "-q"])
        self.addCleanup(prompt.close)
        results = [prompt.run(source) for _, source in repl.split_cells(NOTEBOOK)]
        self.assertEqual(results, [True, True, True, False])
        self.assertTrue(prompt.run("assert len(kept) == 3"))
        self.assertFalse(prompt.run("this is no Python"))

    def test_a_program_that_ends_is_told(self):
        prompt = repl.Prompt([sys.executable, "-i", "-q"])
        self.addCleanup(prompt.close)
        with self.assertRaisesRegex(repl.Gone, "ended with 7"):
            prompt.run("import os\nos._exit(7)")


class AsAWorkload(unittest.TestCase):
    def test_rows(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        cells = pathlib.Path(folder.name) / "notebook.py"
        cells.write_text("import time\ntime.sleep(0.02)\n# %% quick\nx = 1\n# %% fail\n1 / 0\n")
        harness = servers.Harness(self)
        child = subprocess.Popen([sys.executable, REFERENCE / "repl.py", "--cells", cells,
                                  "--think", "constant:1ms"], env=harness.env,
                                 stderr=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        ready = harness.warm()
        self.assertEqual((ready["kind"], ready["unit"]), ("interactive", "cells/s"))
        harness.start(0.4)
        messages = harness.until("done")
        latencies = [end - start for message in messages if message["type"] == "requests"
                     for start, end in zip(message["start_us"], message["end_us"])]
        self.assertEqual(len(latencies), messages[-1]["items"])
        self.assertTrue(all(latency >= 20_000 for latency in latencies[::3]), latencies)
        notes = " ".join(message["text"] for message in messages if message["type"] == "note")
        self.assertIn("cell quick: ", notes)
        self.assertIn("raised an exception", notes)
        harness.send(cmd="stop")
        self.assertEqual(child.wait(servers.PATIENCE_S), 0)

    def test_cells_that_are_no_file(self):
        ran = subprocess.run([sys.executable, REFERENCE / "repl.py", "--cells", "/nowhere"],
                             capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 2)
        self.assertIn("/nowhere", ran.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
