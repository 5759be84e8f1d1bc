#!/usr/bin/env python3
"""The rules for Prometheus, by promtool and against /metrics and docs.

  rules_test.py     exits with 77 where promtool (Debian's package prometheus) is missing
"""

import re
import shutil
import sys
import unittest

import known

RECORDING = known.RECORDING.read_text()
ALERTING = known.ALERTING.read_text()
CASES = (known.HERE / "rules_test.yml").read_text()
ALERTS = re.findall(r"- alert: (\w+)\n", ALERTING)


class RulesTest(unittest.TestCase):
    def test_promtool_accepts_them(self):
        code, said = known.promtool("check", "rules", known.RECORDING, known.ALERTING)
        self.assertEqual(code, 0, said)

    def test_they_record_and_fire_as_told(self):
        code, said = known.promtool("test", "rules", known.HERE / "rules_test.yml")
        self.assertEqual(code, 0, said)

    def test_every_alert_fires_in_a_case(self):
        self.assertGreater(len(ALERTS), 15)
        for alert in ALERTS:
            self.assertIn(f'alertname="{alert}"', CASES)

    def test_every_alert_has_severity_texts_and_what_to_do(self):
        runbook = (known.ROOT / "docs" / "alerts.md").read_text()
        told = re.findall(r"^### (\w+)\n(\w+)\. ", runbook, re.M)
        parts = re.split(r"- alert: ", ALERTING)[1:]
        severities = [re.search(r"severity: (critical|warning|info)\b", p)[1] for p in parts]
        self.assertEqual(told, list(zip(ALERTS, severities)))
        for part in parts:
            self.assertRegex(part, r"\n          summary: \S.*\n          description: \S")

    def test_every_series_that_they_use_is_there(self):
        for text in (RECORDING, ALERTING):
            exprs = re.sub(r"#.*|annotations:\n(?: {10}.*\n)+", "", text)
            for name in set(re.findall(r"\bcorun_\w+", exprs)):
                self.assertIn(name, known.exported())
        for name in set(re.findall(r"\bcorun:\w+:\w+", RECORDING + ALERTING)):
            self.assertIn(name, known.recorded())


if __name__ == "__main__":
    if not shutil.which("promtool"):
        print("skipped: promtool is not installed (Debian package prometheus)")
        sys.exit(77)
    unittest.main(verbosity=2)
