"""tools/cpp_functions.py tells functions from classes, initialisers and text."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from cpp_functions import functions  # noqa: E402


class CppFunctions(unittest.TestCase):
    def test_a_function_spans_its_signature_and_body(self):
        self.assertEqual(functions("\nint f(int a,\n      int b) {\n  return a;\n}\n"),
                         [("f", 2, 5)])

    def test_methods_count_and_their_class_does_not(self):
        text = ("namespace a {\nclass B : public C {\n public:\n"
                "  int get() const { return x_; }\n};\n}\n")
        self.assertEqual(functions(text), [("get", 4, 4)])

    def test_member_initialisers_with_braces_belong_to_the_constructor(self):
        text = "A::A(int x)\n    : x_{x}, y_{2} {\n  g();\n}\n"
        self.assertEqual(functions(text), [("A::A", 1, 4)])

    def test_blocks_and_lambdas_belong_to_their_function(self):
        text = "void f() {\n  if (a) {\n    b([&] { c(); });\n  }\n}\n"
        self.assertEqual(functions(text), [("f", 1, 5)])

    def test_braces_in_text_and_comments_do_not_count(self):
        text = 'void f() {\n  g("{{", \'{\');  // }\n  /* } */ h(R"x(}}})x");\n}\n'
        self.assertEqual(functions(text), [("f", 1, 4)])

    def test_tables_are_not_functions(self):
        text = "constexpr Row kRows[] = {\n  {1, 2},\n  {3, 4},\n};\nenum class E { kA, kB };\n"
        self.assertEqual(functions(text), [])

    def test_default_arguments_and_templates_are_seen_through(self):
        text = "template <typename T = int>\nT f(T a = {}, int b = 2) {\n  return a;\n}\n"
        self.assertEqual([(name, last) for name, _, last in functions(text)], [("f", 4)])

    def test_a_test_body_is_a_function(self):
        self.assertEqual(functions("TEST(A, b) {\n  x();\n}\n"), [("TEST", 1, 3)])

    def test_macros_are_skipped(self):
        text = "#define F(x) \\\n  do {       \\\n  } while (0)\nint g() {\n  return 1;\n}\n"
        self.assertEqual(functions(text), [("g", 4, 6)])


if __name__ == "__main__":
    unittest.main()
