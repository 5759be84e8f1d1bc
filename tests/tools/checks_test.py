"""tools/checks.py counts what ctest says, stops what takes too long, and fails on nothing."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import checks  # noqa: E402

JUNIT = """<testsuite>
  <testcase name="a" status="run"/><testcase name="b" status="fail"/>
  <testcase name="c" status="notrun"/><testcase name="d" status="run"/>
</testsuite>"""


class Checks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name, value in (("ROOT", self.root), ("RESULTS", self.root / "build" / "checks")):
            patch = mock.patch.object(checks, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def run_step(self, command, **options):
        step = checks.Step("step", "help", command, options.pop("budget_s", 20), **options)
        with contextlib.redirect_stdout(io.StringIO()):
            ok = checks.run_step(step)
        return ok, checks.result_of("step")

    def total(self, *others):
        output = io.StringIO()
        with mock.patch.object(checks, "expand", lambda words: words):
            with contextlib.redirect_stdout(output):
                code = checks.main(["total", "step", *others])
        return code, output.getvalue().splitlines()[-1]

    def test_a_step_without_cases_counts_as_one(self):
        self.assertTrue(self.run_step("true")[0])
        self.assertEqual(self.total(), (0, "1 passed, 0 failed"))

    def test_cases_are_counted_from_the_junit_file(self):
        (self.root / "source.xml").write_text(JUNIT)
        ok, result = self.run_step("cp source.xml junit.xml; exit 8", junit="junit.xml")
        self.assertFalse(ok)
        self.assertEqual((result["passed"], result["failed"], result["skipped"]), (2, 1, 1))
        self.assertEqual(self.total(), (1, "2 passed, 1 failed, 1 skipped"))

    def test_a_runner_that_dies_without_a_failed_case_has_failed(self):
        (self.root / "source.xml").write_text(JUNIT.replace("fail", "run"))
        self.run_step("cp source.xml junit.xml; exit 1", junit="junit.xml")
        self.assertEqual(self.total(), (1, "3 passed, 1 failed, 1 skipped"))

    def test_old_cases_do_not_count(self):
        (self.root / "junit.xml").write_text(JUNIT)
        ok, result = self.run_step("exit 1", junit="junit.xml")
        self.assertEqual((ok, result["passed"], result["failed"]), (False, 0, 1))

    def test_a_step_far_over_its_budget_is_stopped_and_fails(self):
        ok, result = self.run_step("read -r line < /dev/zero", budget_s=0.2)
        self.assertEqual((ok, result["code"]), (False, 124))

    def test_a_step_does_not_run_after_a_failure_that_it_needs(self):
        ok, result = self.run_step("true", needs="other")
        self.assertEqual((ok, result["failed"]), (False, 1))

    def test_a_step_that_never_ran_has_failed(self):
        self.assertEqual(self.total(), (1, "0 passed, 1 failed"))

    def test_what_cannot_run_here_is_skipped_and_fails_nothing(self):
        ok, result = self.run_step("exit 3", may_skip=True)
        self.assertEqual((ok, result["passed"], result["failed"], result["skipped"]),
                         (True, 0, 0, 1))
        (self.root / "build/checks/other.json").write_text(
            '{"step": "other", "code": 0, "seconds": 1, "passed": 1, "failed": 0, "skipped": 0}')
        self.assertEqual(self.total("other"), (0, "1 passed, 0 failed, 1 skipped"))

    def test_a_run_in_which_all_is_skipped_proves_nothing(self):
        self.run_step("exit 3", may_skip=True)
        self.assertEqual(self.total(), (1, "0 passed, 0 failed, 1 skipped"))

    def test_most_steps_may_not_skip(self):
        ok, result = self.run_step("exit 3")
        self.assertEqual((ok, result["failed"], result["skipped"]), (False, 1, 0))
        ok, result = self.run_step("exit 1", may_skip=True)
        self.assertEqual((ok, result["failed"], result["skipped"]), (False, 1, 0))

    def test_a_skipped_step_is_not_told_to_be_run_again(self):
        step = checks.Step("step", "help", "exit 3", 20, may_skip=True)
        output = io.StringIO()
        with mock.patch.object(checks, "STEPS", [step]), contextlib.redirect_stdout(output):
            self.assertEqual(checks.main(["step"]), 0)
        self.assertIn("skipped", output.getvalue())
        self.assertNotIn("run again", output.getvalue())

    def test_every_set_names_steps_and_keeps_its_budget(self):
        budgets = {step.name: step.budget_s for step in checks.STEPS}
        for name, steps in checks.SETS.items():
            self.assertLessEqual(set(steps), set(budgets), name)
        names = {step.needs for step in checks.STEPS if step.needs}
        self.assertLessEqual(names, set(budgets))


if __name__ == "__main__":
    unittest.main()
