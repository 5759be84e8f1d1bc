#!/usr/bin/env python3
"""The rules for Prometheus, by promtool and against /metrics and docs.

  rules_test.py     exits with 77 where promtool (Debian's package prometheus) is missing
"""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RULES = ROOT / "monitoring" / "prometheus"
RECORDING = (RULES / "recording.rules.yml").read_text()
ALERTING = (RULES / "alerting.rules.yml").read_text()
CASES = (HERE / "rules_test.yml").read_text()
ALERTS = re.findall(r"- alert: (\w+)\n", ALERTING)


def promtool(*arguments):
    """(exit code, output)"""
    ran = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True,
                         timeout=60, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def exported():
    """Names of series that /metrics writes: those of its golden text, where everything is there."""
    golden = (HERE.parent / "golden" / "metrics.txt").read_text()
    return set(re.findall(r"^(\w+)[{ ]", golden, re.M))


class RulesTest(unittest.TestCase):
    def test_promtool_accepts_them(self):
        code, said = promtool("check", "rules", *RULES.glob("*.rules.yml"))
        self.assertEqual(code, 0, said)

    def test_they_record_and_fire_as_told(self):
        code, said = promtool("test", "rules", HERE / "rules_test.yml")
        self.assertEqual(code, 0, said)

    def test_every_alert_fires_in_a_case(self):
        self.assertGreater(len(ALERTS), 15)
        for alert in ALERTS:
            self.assertIn(f'alertname="{alert}"', CASES)

    def test_every_alert_has_severity_texts_and_what_to_do(self):
        runbook = (ROOT / "docs" / "alerts.md").read_text()
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
                self.assertIn(name, exported())
        recorded = set(re.findall(r"- record: (\S+)", RECORDING))
        for name in set(re.findall(r"\bcorun:\w+:\w+", RECORDING + ALERTING)):
            self.assertIn(name, recorded)


if __name__ == "__main__":
    if not shutil.which("promtool"):
        print("skipped: promtool is not installed (Debian package prometheus)")
        sys.exit(77)
    unittest.main(verbosity=2)
