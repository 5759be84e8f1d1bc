#!/usr/bin/env python3
"""The dashboard for Grafana: that it is whole, and that its expressions are PromQL over series that
are there.

  dashboard_test.py     exits with 77 where promtool (Debian's package prometheus) is missing
"""

import json
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

import known

# Of Prometheus itself.
FOREIGN = {"ALERTS", "scrape_duration_seconds"}
WANTED = ('"mode": "normal"', "p99", "target", "Waits", "Memory by workload", "limit", "Parks",
          "Throttled", "XIDs", "Power", "pods")


class DashboardTest(unittest.TestCase):
    def setUp(self):
        self.board = known.dashboard()
        self.panels = self.board["panels"]

    def test_its_panels_have_a_place_and_a_number_of_their_own(self):
        ids = [panel["id"] for panel in self.panels]
        self.assertEqual(len(ids), len(set(ids)))
        taken = set()
        for panel in self.panels:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            self.assertFalse(taken & cells, panel["title"])
            taken |= cells

    def test_every_panel_asks_the_chosen_data_source(self):
        for panel in self.panels:
            if panel["type"] == "row":
                continue
            for asked in (panel, *panel["targets"]):
                self.assertEqual(asked["datasource"]["uid"], "${datasource}", panel["title"])
            self.assertTrue(panel["targets"])

    def test_it_has_what_an_operator_looks_for(self):
        text = json.dumps(self.board)
        for wanted in WANTED:
            self.assertIn(wanted, text)

    def test_every_series_is_one_of_metrics_or_recorded(self):
        known_names = known.exported() | known.recorded() | FOREIGN
        queries = [one["query"]["query"] for one in self.board["templating"]["list"]
                   if one["type"] == "query"]
        for expr in [expr for _, expr in known.expressions(self.board)] + queries:
            bare = re.sub(r'"[^"]*"', "", expr)
            names = set(re.findall(r"\b(?:corun[_:][\w:]+|ALERTS|scrape_\w+|up)\b", bare))
            self.assertTrue(names, expr)
            self.assertLessEqual(names, known_names, expr)

    def test_promtool_accepts_every_expression(self):
        rules = [{"record": f"panel:{i}", "expr": expr}
                 for i, (_, expr) in enumerate(known.expressions(self.board))]
        with tempfile.TemporaryDirectory(prefix="corun-dashboard-") as folder:
            path = pathlib.Path(folder) / "rules.yml"
            path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
            code, said = known.promtool("check", "rules", path)
        self.assertEqual(code, 0, said)
        self.assertNotIn("$", json.dumps(rules), "a variable that the dashboard does not have")


if __name__ == "__main__":
    if not shutil.which("promtool"):
        print("skipped: promtool is not installed (Debian package prometheus)")
        sys.exit(77)
    unittest.main(verbosity=2)
