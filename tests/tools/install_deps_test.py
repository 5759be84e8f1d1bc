"""tools/install_deps.sh asks apt for what is missing only; dpkg and apt are stand-ins."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "install_deps.sh"
DPKG = """#!/bin/sh
for package; do :; done
grep -qx "$package" "$FAKE/missing" && exit 1
printf installed
"""
APT = """#!/bin/sh
echo "$*" >> "$FAKE/calls"
case "$1" in
  update) touch "$FAKE/updated" ;;
  install) [ ! -e "$FAKE/stale" ] || [ -e "$FAKE/updated" ] ;;
esac
"""


class InstallDeps(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.fake = pathlib.Path(folder.name)
        self.program("dpkg-query", DPKG)
        self.program("apt-get", APT)
        self.program("id", "#!/bin/sh\necho ${FAKE_UID:-0}\n")
        for name in ("bash", "sed", "env", "grep", "touch", "cat", "sh"):
            os.symlink(f"/bin/{name}", self.fake / name)

    def program(self, name, text):
        (self.fake / name).write_text(text)
        (self.fake / name).chmod(0o755)

    def run_script(self, *arguments, missing=(), **environment):
        (self.fake / "missing").write_text("".join(f"{name}\n" for name in missing))
        done = subprocess.run(["bash", SCRIPT, *arguments], capture_output=True, text=True,
                              env={"PATH": str(self.fake), "FAKE": str(self.fake), **environment},
                              check=False)
        calls = self.fake / "calls"
        return done, calls.read_text().splitlines() if calls.exists() else []

    def test_nothing_is_installed_when_nothing_is_missing(self):
        done, calls = self.run_script()
        self.assertEqual((done.returncode, calls), (0, []))
        self.assertIn("all packages for 'build' are installed", done.stdout)

    def test_only_missing_packages_are_installed_and_named_first(self):
        done, calls = self.run_script(missing=["cmake", "libfmt-dev"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("installing 2 Debian package(s): cmake libfmt-dev", done.stdout)
        self.assertEqual(calls, ["install -y -q --no-install-recommends cmake libfmt-dev"])

    def test_package_lists_are_refreshed_only_when_they_are_stale(self):
        (self.fake / "stale").touch()
        done, calls = self.run_script(missing=["cmake"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([call.split()[0] for call in calls], ["install", "update", "install"])

    def test_test_packages_are_a_group_of_their_own(self):
        self.assertEqual(self.run_script("build", missing=["chromium"])[1], [])
        self.assertIn("chromium", self.run_script("test", missing=["chromium"])[1][0])

    def test_node_and_npm_come_from_debian_only_where_there_are_none(self):
        missing = ["nodejs", "npm"]
        self.assertIn("nodejs npm", self.run_script("all", missing=missing)[1][0])
        self.program("node", "#!/bin/sh\n")
        self.assertIn("npm", self.run_script("all", missing=["npm"])[1][-1])
        (self.fake / "calls").unlink()
        self.program("npm", "#!/bin/sh\n")
        self.assertEqual(self.run_script("all", missing=missing)[1], [])

    def test_libtorch_comes_only_when_it_is_asked_for(self):
        self.assertEqual(self.run_script("all", missing=["libtorch-dev"])[1], [])
        self.assertIn("libtorch-dev", self.run_script("torch", missing=["libtorch-dev"])[1][0])

    def test_a_dry_run_only_tells(self):
        done, calls = self.run_script("all", "--dry-run", missing=["cmake"])
        self.assertEqual((done.returncode, calls), (0, []))
        self.assertIn("cmake", done.stdout)

    def test_without_root_and_sudo_it_says_what_to_run(self):
        done, calls = self.run_script(missing=["cmake"], FAKE_UID="1000")
        self.assertEqual((done.returncode, calls), (1, []))
        self.assertIn("run as root: apt-get install cmake", done.stderr)

    def test_another_system_gets_the_list(self):
        (self.fake / "apt-get").unlink()
        done, _ = self.run_script()
        self.assertEqual(done.returncode, 3)
        self.assertIn("not a Debian system", done.stderr)

    def test_an_unknown_word_is_a_usage_error(self):
        self.assertEqual(self.run_script("everything")[0].returncode, 2)


if __name__ == "__main__":
    unittest.main()
