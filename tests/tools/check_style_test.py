"""tools/check_style.py finds each violation that is planted in a small tree, and only that."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_style  # noqa: E402


def long_function(lines):
    return "void f() {\n" + "  g();\n" * (lines - 2) + "}\n"


class CheckStyle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in check_style.REQUIRED:
            self.write(name, "text\n")
        self.write("tools/rooms.txt", "core:\n")
        self.write("core/README.md", "core\n")
        self.write("core/a.cc", "int f() {\n  return 1;\n}\n")

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def errors(self):
        return check_style.check(self.root)

    def assert_error(self, *parts):
        errors = self.errors()
        self.assertEqual(len(errors), 1, errors)
        for part in parts:
            self.assertIn(part, errors[0])

    def test_a_clean_tree_has_no_errors(self):
        self.assertEqual(self.errors(), [])

    def test_a_function_may_have_70_lines_and_no_more(self):
        self.write("core/b.cc", long_function(70))
        self.assertEqual(self.errors(), [])
        self.write("core/b.cc", "\n" + long_function(71))
        self.assert_error("core/b.cc:2: f", "71")

    def test_a_long_python_function_is_found(self):
        self.write("tools/x.py", "def f():\n" + "    g()\n" * 70)
        self.assert_error("tools/x.py:1: f", "71")

    def test_files_have_500_lines_and_tests_800(self):
        self.write("tests/core/b_test.cc", "\n" * 800)
        self.write("core/b.cc", "\n" * 501)
        self.assert_error("core/b.cc", "501")

    def test_lines_have_100_columns_unless_they_hold_an_address(self):
        self.write("core/b.cc", "// https://example.org/" + "x" * 100 + "\n")
        self.assertEqual(self.errors(), [])
        self.write("core/b.cc", "\n// " + "ä" * 98 + "\n")
        self.assert_error("core/b.cc:2", "101")

    def test_an_exception_allows_its_value_and_not_more(self):
        self.write("tools/style_exceptions.txt", "core/b.cc function 75\n")
        self.write("core/b.cc", long_function(75))
        self.assertEqual(self.errors(), [])
        self.write("core/b.cc", long_function(76))
        self.assert_error("76", "may not grow")

    def test_an_exception_must_shrink_and_go(self):
        self.write("tools/style_exceptions.txt", "core/b.cc function 75\n")
        self.write("core/b.cc", long_function(72))
        self.assert_error("is 72 now")
        self.write("core/b.cc", long_function(70))
        self.assert_error("not needed any more")

    def test_each_banned_call_names_its_replacement(self):
        calls = {"std::system(x);": "core/process", "popen(x, y);": "core/process",
                 "std::this_thread::sleep_for(x);": "sleep_until", "usleep(1);": "sleep_until",
                 "std::chrono::steady_clock::now();": "monotonic_now",
                 "std::getenv(x);": "environment()", "rand();": "seeded",
                 "std::stoi(x);": "from_chars", "std::cout << x;": "fmt::print",
                 "printf(x);": "fmt::print", "assert(x);": "CORUN_CHECK", "throw x;": "Result",
                 "signal(SIGINT, y);": "sigaction", "worker.detach();": "joined",
                 "sprintf(a, b);": "fmt::format", "setenv(a, b, 1);": "environment"}
        for call, instead in calls.items():
            with self.subTest(call):
                self.write("core/b.cc", f"void f() {{\n  {call}\n}}\n")
                self.assert_error("core/b.cc:2", instead)

    def test_an_exception_allows_so_many_banned_calls(self):
        self.write("tools/style_exceptions.txt", "core/b.cc setenv 1  # only before threads\n")
        self.write("core/b.cc", "void f() {\n  setenv(a, b, 1);\n}\n")
        self.assertEqual(self.errors(), [])
        self.write("core/b.cc", "void f() {\n  setenv(a, b, 1);\n  setenv(c, d, 1);\n}\n")
        self.assert_error("core/b.cc:2, core/b.cc:3", "may not grow")

    def test_names_that_only_look_like_banned_calls_pass(self):
        self.write("core/b.cc", 'void f() {\n  // printf(x);\n  g("system(x)");\n'
                   "  static_assert(x);\n  file_system(x);\n  a.signal(b);\n}\n")
        self.assertEqual(self.errors(), [])

    def test_a_leftover_marker_is_found(self):
        for marker in ("TO" + "DO", "FIX" + "ME", "for n" + "ow", "place" + "holder"):
            with self.subTest(marker):
                self.write("docs/x.md", f"one\nthis is {marker} done\n")
                self.assert_error("docs/x.md:2", marker)

    def test_a_path_of_one_machine_is_found(self):
        self.write("docs/x.md", "see /ro" "ot/x and results/home/\n")
        self.assert_error("docs/x.md:1", "path of one machine")

    def test_a_link_that_leads_nowhere_is_found(self):
        self.write("docs/x.md", "[a](README.md#part) [b](https://example.org/x) [c](../core/a.cc)\n")
        self.assertEqual(self.errors(), [])
        self.write("docs/x.md", "\n[a](missing.md)\n")
        self.assert_error("docs/x.md:2", "missing.md")

    def test_a_room_needs_a_short_readme(self):
        self.write("core/README.md", "x\n" * 16)
        self.assert_error("core/README.md", "more than 15 lines")
        (self.root / "core/README.md").unlink()
        self.assert_error("core/README.md", "is missing")

    def test_a_missing_licence_is_found(self):
        (self.root / "LICENSE").unlink()
        self.assert_error("LICENSE: is missing")

    def test_a_header_without_a_guard_is_found(self):
        self.write("core/b.h", "int f();\n")
        self.assert_error("core/b.h", "#pragma once")


if __name__ == "__main__":
    unittest.main()
