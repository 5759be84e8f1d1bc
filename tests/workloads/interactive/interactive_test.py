"""corun-interactive on the simulated GPU: cells, their memory, rows; the tenant of any REPL."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "inference"))
import serving  # noqa: E402

PROGRAM = serving.BUILD / "bin" / "corun-interactive"


class OnTheSimulatedGpu(unittest.TestCase):
    def setUp(self):
        self.node = serving.SimulatedNode(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.script = pathlib.Path(folder.name) / "notebook.txt"

    def start(self, text, *options):
        self.script.write_text(text)
        self.harness = serving.Harness(self, self.node.env)
        child = subprocess.Popen([PROGRAM, "--script", self.script, *options],
                                 env=self.harness.env)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)

    def test_cells_have_latencies_and_memory_stays(self):
        self.start("load: alloc 512MiB\nfit: gpu 20ms\nplot: gpu 5ms; copy 1MiB; cpu 2ms\n",
                   "--think", "constant:10ms")
        ready = self.harness.warm()
        self.assertEqual((ready["kind"], ready["unit"]), ("interactive", "cells/s"))
        self.harness.start(0.5)
        messages = self.harness.until("done")
        done = messages[-1]
        self.assertTrue(done["checksum_ok"])
        self.assertGreaterEqual(done["memory_bytes"], 512 << 20)
        latencies = [end - start for message in messages if message["type"] == "requests"
                     for start, end in zip(message["start_us"], message["end_us"])]
        self.assertEqual(len(latencies), done["items"])
        self.assertGreaterEqual(done["items"], 3)
        self.assertTrue(all(latency >= 19_000 for latency in latencies[1::3]), latencies)

    def test_memory_that_was_given_back_is_counted_no_more(self):
        self.start("take: alloc 512MiB\ngive: free\nlook: cpu 200ms\n", "--think", "constant:0s")
        self.harness.warm()
        self.harness.start(0.1)
        self.assertLess(self.harness.until("done")[-1]["memory_bytes"], 512 << 20)

    def test_a_cell_without_memory_ends_it_with_an_error(self):
        self.script.write_text("take: alloc 10TiB\n")
        ran = subprocess.run([PROGRAM, "--script", self.script], env=self.node.env, text=True,
                             capture_output=True, timeout=serving.PATIENCE_S)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("OUT_OF_MEMORY", ran.stderr)


class CommandLine(unittest.TestCase):
    def test_what_is_wrong_is_one_line(self):
        for words, says in (([f"--script={os.devnull}"], "has no cell"),
                            (["--script=/nowhere"], "/nowhere"), (["--think=2s"], "no think time"),
                            (["--duration=0s"], "--duration"), (["--thinking"], "--help")):
            ran = subprocess.run([PROGRAM, *words], text=True, capture_output=True,
                                 timeout=serving.PATIENCE_S)
            self.assertEqual(ran.returncode, 2, words)
            self.assertIn(says, ran.stderr)
            self.assertEqual(ran.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
