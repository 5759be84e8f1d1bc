"""tools/check_page.py installs once, skips itself without a registry, and fails on all else; node
and npm are stand-ins."""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_page  # noqa: E402

NODE = """#!/bin/sh
case "$1" in
  --version) echo "${NODE_SAYS:-v18.20.4}" ;;
  build.mjs) mkdir -p "$2" && echo page > "$2/index.html" ;;
esac
"""
NPM = """#!/bin/sh
echo "$1 $3" >> "$FAKE/calls"
[ "$1" = ci ] || exit "${RUN_CODE:-0}"
echo "$NPM_SAYS"
[ -z "$NPM_HANGS" ] || exec tail -f /dev/null
[ -n "$NPM_SAYS" ] && exit 1
rm -rf node_modules && mkdir node_modules
"""


class CheckPage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fake = pathlib.Path(folder.name)
        self.web = self.fake / "web"
        (self.web / "dist").mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            (self.web / name).write_text("{}")
        (self.web / "dist" / "index.html").write_text("page\n")
        for name, text in (("node", NODE), ("npm", NPM)):
            (self.fake / name).write_text(text)
            (self.fake / name).chmod(0o755)
        patch = mock.patch.object(check_page, "WEB", self.web)
        patch.start()
        self.addCleanup(patch.stop)

    def check(self, **environment):
        output = io.StringIO()
        named = {"PATH": f"{self.fake}:/usr/bin:/bin", "FAKE": str(self.fake),
                 "CHROMIUM": "/bin/sh", **environment}
        with mock.patch.dict(os.environ, named), contextlib.redirect_stdout(output):
            code = check_page.main([])
        return code, output.getvalue()

    def calls(self):
        told = self.fake / "calls"
        return told.read_text().splitlines() if told.exists() else []

    def installs(self):
        return sum(call.startswith("ci") for call in self.calls())

    def test_it_runs_types_units_and_browser(self):
        self.assertEqual(self.check()[0], 0)
        self.assertEqual(self.calls()[1:], ["run types", "run unit", "run browser"])

    def test_packages_are_installed_once_until_the_lock_or_node_changes(self):
        self.check()
        self.check()
        self.assertEqual(self.installs(), 1)
        (self.web / "package-lock.json").write_text("{ }")
        self.check()
        self.assertEqual(self.installs(), 2)
        self.check(NODE_SAYS="v20.20.2")
        self.assertEqual(self.installs(), 3)

    def test_an_installation_that_failed_is_done_again(self):
        self.assertEqual(self.check(NPM_SAYS="npm ERR! code EUSAGE")[0], 1)
        self.assertEqual(self.check()[0], 0)
        self.assertEqual(self.installs(), 2)

    def test_without_a_registry_it_is_skipped_with_one_line(self):
        for code in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "E503", "E404", "ETIMEDOUT"):
            with self.subTest(code):
                code_of, output = self.check(NPM_SAYS=f"npm ERR! code {code}\nnpm ERR! more")
                self.assertEqual(code_of, 3)
                self.assertEqual(output.splitlines()[-1], "check_page: skipped: npm's registry "
                                 f"cannot be reached, or lacks the packages ({code})")
        self.assertNotIn("run types", self.calls())

    def test_a_registry_that_never_answers_is_skipped_too(self):
        with mock.patch.object(check_page, "INSTALL_S", 0.3):
            code, output = self.check(NPM_HANGS="yes")
        self.assertEqual(code, 3)
        self.assertIn("does not answer", output)

    def test_a_lock_that_does_not_fit_fails(self):
        code, output = self.check(NPM_SAYS="npm ERR! code EUSAGE")
        self.assertEqual(code, 1)
        self.assertIn("EUSAGE", output)

    def test_a_failing_test_fails(self):
        self.assertEqual(self.check(RUN_CODE="1")[0], 1)

    def test_a_bundle_that_is_not_fresh_fails(self):
        (self.web / "dist" / "index.html").write_text("old\n")
        code, output = self.check()
        self.assertEqual(code, 1)
        self.assertIn("commit dist/", output)

    def test_what_is_missing_is_named(self):
        self.assertIn("v18.3.0 is too old", self.check(NODE_SAYS="v18.3.0")[1])
        self.assertIn("/no/chromium is not there", self.check(CHROMIUM="/no/chromium")[1])
        with mock.patch.object(check_page.shutil, "which", lambda name: None):
            self.assertIn("node is not installed", self.check()[1])
        self.assertEqual(self.calls(), [])


if __name__ == "__main__":
    unittest.main()
