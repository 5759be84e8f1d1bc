"""What the tests of Prometheus and Grafana know of corun: its rules, its series, its dashboard."""

import json
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RULES = ROOT / "monitoring" / "prometheus"
RECORDING = RULES / "recording.rules.yml"
ALERTING = RULES / "alerting.rules.yml"
DASHBOARD = ROOT / "monitoring" / "grafana" / "corun.json"


def promtool(*arguments):
    """(exit code, output)"""
    ran = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True,
                         timeout=60, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def exported():
    """Names of series that /metrics writes: those of its golden text, where everything is there."""
    golden = (HERE.parent / "golden" / "metrics.txt").read_text()
    return set(re.findall(r"^(\w+)[{ ]", golden, re.M))


def recorded():
    return set(re.findall(r"- record: (\S+)", RECORDING.read_text()))


def dashboard():
    return json.loads(DASHBOARD.read_text())


def expressions(board):
    """[(title of the panel, PromQL with a value for each of the board's variables)]"""
    found = [(panel["title"], target["expr"])
             for panel in board["panels"] for target in panel.get("targets", [])]
    found += [("annotations", one["expr"]) for one in board["annotations"]["list"]]
    variables = [one["name"] for one in board["templating"]["list"]]

    def value_of(variable):
        name = variable[1]
        return "5m" if name == "__rate_interval" else ".*" if name in variables else variable[0]
    return [(title, re.sub(r"\$(\w+)", value_of, expr)) for title, expr in found]
