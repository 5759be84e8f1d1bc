#!/usr/bin/env python3
"""tools/published.py: windows, classes, ratios and the Markdown, without a GPU."""

import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import published  # noqa: E402
import published_table  # noqa: E402

PAIR = {
    "name": "pair", "title": "A pair", "source": "somewhere", "device": "a GPU", "differs": "all",
    "figures": ["p99 / alone", "rate / alone"], "critical": "server",
    "tenants": {"server": {"command": "serve"}, "job": {"command": "work", "copies": 2}},
    "cells": [{"name": "both", "run": ["server", "job-1"], "loads": {"server": 0.2},
               "measure": ["p99:server", "rate:job-1"],
               "published": {"time-slicing": [2.5, None], "theirs": [1.1, 0.4]}}]}
COPIES = {
    "name": "copies", "title": "Copies", "source": "somewhere", "device": "a GPU", "differs": "all",
    "figures": ["together"], "tenants": {"one": {"command": "serve", "copies": 3}},
    "cells": [{"name": "3", "run": ["one-1", "one-2", "one-3"], "measure": ["sum"],
               "published": {"time-slicing": [0.9]}}]}


def window(block, table, cell, way, loads, **figures):
    return {"block": block, "table": table, "cell": cell, "way": way, "loads": loads,
            "figures": {name: {"rate": rate, "p99": p99, "requests": requests}
                        for name, (rate, p99, requests) in figures.items()}}


class Plan(unittest.TestCase):
    def windows(self, mode="managed", priorities=True):
        return [(w[0], w[1] and w[1]["name"], w[3], tuple(w[4].items()))
                for w in published.plan([PAIR, COPIES], mode, priorities, 2, seed=1)]

    def test_a_block_has_what_cells_are_compared_with_and_each_cell_each_way(self):
        three = (("one-1", None), ("one-2", None), ("one-3", None))
        pair = (("server", 0.2), ("job-1", None))
        wanted = [(None, None, (("server", 0.2),)), (None, None, (("job-1", None),)),
                  (None, None, (("one-1", None),)),
                  ("pair", "time-slicing", pair), ("pair", "managed", pair),
                  ("copies", "time-slicing", three), ("copies", "managed", three)]
        for block in range(2):
            self.assertCountEqual([w[1:] for w in self.windows() if w[0] == block], wanted)

    def test_mps_is_named_for_whether_clients_have_priorities(self):
        ways = {(w[1], w[2]) for w in self.windows("managed-mps") if w[1]}
        self.assertEqual(ways, {("pair", "mps-priority"), ("pair", "managed-mps"),
                                ("copies", "mps"), ("copies", "managed-mps")})
        plain = {(w[1], w[2]) for w in self.windows("managed-mps", priorities=False) if w[1]}
        self.assertEqual(plain, {("pair", "mps"), ("copies", "mps")})

    def test_a_tenant_starts_with_the_class_of_its_cells(self):
        tables = [PAIR, COPIES]
        self.assertEqual([published.class_of(tables, name, True)
                          for name in ("server", "job-1", "job-2", "one-1")],
                         ["latency-critical", "best-effort", "normal", "normal"])
        self.assertEqual(published.class_of(tables, "server", False), "normal")


class Table(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def told(self, *rows):
        (self.folder / "windows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        text = published_table.markdown([PAIR, COPIES], [self.folder])
        return [line for line in text.splitlines() if line.startswith("| ")]

    def test_ratios_are_taken_inside_a_block_beside_what_was_published(self):
        lines = self.told(
            window(0, None, None, None, {"server": 0.2}, server=(100, 2.0, 300)),
            window(0, None, None, None, {"job-1": None}, **{"job-1": (50, None, 0)}),
            window(1, None, None, None, {"server": 0.2}, server=(100, 9.0, 300)),
            window(0, "pair", "both", "managed", {"server": 0.2, "job-1": None},
                   server=(100, 2.2, 300), **{"job-1": (40, None, 0)}))
        self.assertEqual(lines, [
            "| | published: time-slicing | published: theirs | measured: managed |",
            "| both | 2.5 / - | 1.1 / 0.4 | 1.100 / 0.800 |"])

    def test_copies_are_summed_over_one_alone(self):
        three = {f"one-{i}": (30, None, 0) for i in (1, 2, 3)}
        lines = self.told(
            window(0, None, None, None, {"one-1": None}, **{"one-1": (100, None, 0)}),
            window(0, "copies", "3", "time-slicing", dict.fromkeys(three), **three))
        self.assertEqual(lines[1], "| 3 | 0.9 | 0.900 |")

    def test_a_p99_of_few_requests_is_not_told(self):
        lines = self.told(
            window(0, None, None, None, {"server": 0.2}, server=(10, 2.0, 99)),
            window(0, "pair", "both", "managed", {"server": 0.2, "job-1": None},
                   server=(10, 2.2, 300), **{"job-1": (40, None, 0)}))
        self.assertEqual(lines[1], "| both | 2.5 / - | 1.1 / 0.4 | - / - |")

    def test_a_line_that_is_cut_off_is_told_with_its_place(self):
        (self.folder / "windows.jsonl").write_text('{"block": 0')
        with self.assertRaisesRegex(published_table.Wrong, "windows.jsonl:1: "):
            published_table.markdown([PAIR], [self.folder])


class Files(unittest.TestCase):
    def test_the_tables_are_complete_and_their_scripts_take_their_words(self):
        tables = published_table.load(published_table.TABLES, [])
        self.assertEqual([t["name"] for t in tables], ["nebuly", "tally", "xsched"])
        for command in set(published_table.tenants(tables).values()):
            _, script, *words = command.split()
            done = subprocess.run([sys.executable, str(ROOT / script), *words, "--help"],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")

    def test_what_is_wrong_in_a_file_is_one_line(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "tables.json"
            for change, text in (({"run": ["nobody"]}, "cell 'both': no tenant 'nobody'"),
                                 ({"published": {"x": [1]}}, "1 figures for 'x', 2 are measured")):
                broken = {**PAIR, "cells": [{**PAIR["cells"][0], **change}]}
                path.write_text(json.dumps({"tables": [broken]}))
                with self.assertRaisesRegex(published_table.Wrong, text):
                    published_table.load(path, [])
            with self.assertRaisesRegex(published_table.Wrong, "no table 'x'; there are pair"):
                path.write_text(json.dumps({"tables": [PAIR]}))
                published_table.load(path, ["x"])

    def test_words_that_do_not_fit_together_are_refused(self):
        for words in ([], ["--out", "a", "--tell", "b"], ["--out", "a", "--no-priorities"]):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                published.parse(words)


if __name__ == "__main__":
    unittest.main()
