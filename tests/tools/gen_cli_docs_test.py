"""tools/gen_cli_docs.py keeps man page and completion equal to the help texts."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import gen_cli_docs  # noqa: E402


def complete(*words):
    """What the completion offers for the last of these words."""
    script = (f"source {ROOT / gen_cli_docs.COMPLETION}; COMP_WORDS=({' '.join(words)!s}); "
              f"COMP_CWORD={len(words) - 1}; _corun; echo \"${{COMPREPLY[@]}}\"")
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                          check=True).stdout.split()


class GenCliDocs(unittest.TestCase):
    def test_the_committed_files_are_fresh(self):
        for name, text in gen_cli_docs.generate(ROOT).items():
            self.assertEqual((ROOT / name).read_text(), text, f"{name}: run tools/gen_cli_docs.py")

    def test_a_changed_help_text_is_noticed(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            shutil.copytree(ROOT / "tests/cli/golden", root / "tests/cli/golden")
            tool = [sys.executable, str(ROOT / "tools/gen_cli_docs.py"), "--root", folder]
            self.assertEqual(subprocess.run(tool, check=False).returncode, 0)
            self.assertEqual(subprocess.run([*tool, "--check"], check=False).returncode, 0)
            text = root / "tests/cli/golden/help-run.txt"
            text.write_text(text.read_text() + "  --new\n")
            done = subprocess.run([*tool, "--check"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("corun.1", done.stdout)

    def test_every_verb_has_its_section_and_its_options(self):
        top, helps = gen_cli_docs.read_helps(ROOT)
        page = gen_cli_docs.man_page(top, helps)
        self.assertIn("run", helps)
        for verb, text in helps.items():
            self.assertIn(f".SH CORUN {verb.upper()}", page)
            for option in gen_cli_docs.options_of(text):
                self.assertIn(option.replace("-", "\\-"), page)

    def test_verbs_options_and_values_are_completed(self):
        self.assertEqual(complete("corun", "st"), ["status"])
        self.assertEqual(complete("corun", "run", "--cl"), ["--class"])
        self.assertEqual(complete("corun", "run", "--class", "lat"), ["latency-critical"])
        self.assertEqual(complete("corun", "bench", "--slices", "a"), ["auto"])
        self.assertEqual(complete("corun", "trace", "--slices", "--fo"), ["--follow"])


if __name__ == "__main__":
    unittest.main()
