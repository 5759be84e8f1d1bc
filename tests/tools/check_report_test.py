"""tools/check_report.py finds what is planted in a small page, seen by a real browser."""

import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_report  # noqa: E402

DARK = "@media (prefers-color-scheme:dark){body{background:#111;color:#eee}}"
PAGE = f"""<!doctype html><meta charset=utf-8><title>Run</title>
<style>body{{background:#fff;color:#111}}{DARK}</style>
<p>SIMULATED GPU, 12.5 requests/s</p>
<svg width=100 height=50><path d="M0 0L9 9"/><circle r=3 cx=5 cy=5 /></svg>"""
PLANTED = {
    "<script>console.error('oops')</script>": "oops",
    "<script src='file:///nonexistent/x.js'></script>": "loads file:///nonexistent/x.js",
    "<svg width=9 height=9></svg>": "plot 2 is empty",
    "<p>p99 NaN ms</p>": "shows 'NaN' as a figure",
    "<div style='width:3000px'>x</div>": "too wide",
}


@unittest.skipUnless(shutil.which("chromedriver"), "chromium-driver is not installed")
class CheckReport(unittest.TestCase):
    def problems(self, page):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "report.html"
            path.write_text(page)
            return check_report.check_page(path, True, pathlib.Path(folder))

    def test_a_good_page_has_no_problem(self):
        self.assertEqual(self.problems(PAGE), [])

    def test_everything_planted_is_found(self):
        found = "\n".join(self.problems(PAGE + "".join(PLANTED)))
        for problem in PLANTED.values():
            self.assertIn(problem, found)

    def test_an_unlabelled_simulated_figure_is_found(self):
        found = self.problems(PAGE.replace("SIMULATED", "H100"))
        self.assertEqual(len(found), 4, found)
        self.assertIn("does not say that its figures are simulated", found[0])

    def test_a_page_that_is_never_dark_is_found(self):
        found = self.problems(PAGE.replace(DARK, ""))
        self.assertEqual(len(found), 2, found)
        self.assertIn("is not dark for who prefers that", found[0])

    def test_text_that_hardly_shows_is_found(self):
        found = self.problems(PAGE.replace("#eee", "#333"))
        self.assertEqual(len(found), 2, found)
        self.assertIn("hard to read in dark", found[0])


if __name__ == "__main__":
    unittest.main()
