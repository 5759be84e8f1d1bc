"""tools/check_dist.py finds programs that would not run elsewhere; built with the C compiler."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_dist  # noqa: E402
import elf  # noqa: E402


class CheckDist(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name) / "tree"
        for name in ("bin", "lib", "share"):
            (self.tree / name).mkdir(parents=True)
        self.compile("lib/libx.so", "int x(void) { return 7; }", "-shared", "-fPIC",
                     "-Wl,-soname,libx.so")

    def compile(self, output, code, *options):
        subprocess.run(["cc", "-xc", "-", "-o", str(self.tree / output), *options], input=code,
                       text=True, check=True)

    def program(self, *options):
        self.compile("bin/p", "int x(void); int main(void) { return x() - 7; }",
                     f"-L{self.tree}/lib", "-lx", "-Wl,--disable-new-dtags", *options)

    def assert_error(self, *parts):
        errors = check_dist.check_tree(self.tree)
        self.assertEqual(len(errors), 1, errors)
        for part in parts:
            self.assertIn(part, errors[0])

    def test_a_program_with_a_relative_path_passes(self):
        self.program("-Wl,-rpath,$ORIGIN/../lib")
        self.assertEqual(check_dist.check_tree(self.tree), [])

    def test_a_library_outside_the_tree_is_found(self):
        self.program()
        self.assert_error("bin/p", "takes libx.so from None")

    def test_a_folder_of_the_build_machine_is_found(self):
        self.program(f"-Wl,-rpath,{self.tree}/lib")
        self.assert_error("bin/p", "names a folder of the build machine")

    def test_a_runpath_is_found(self):
        self.program("-Wl,-rpath,$ORIGIN/../lib", "-Wl,--enable-new-dtags")
        self.assert_error("bin/p", "RUNPATH")

    def test_the_source_path_in_a_program_is_found(self):
        code = f'const char* p = "{check_dist.ROOT}/x"; int main(void) {{ return !*p; }}'
        self.compile("bin/p", code)
        self.assert_error("bin/p", "path of the source tree")

    def test_a_failing_command_is_reported_with_its_message(self):
        (self.tree / "bin/s").write_text("#!/bin/sh\necho broken >&2\nexit 4\n")
        (self.tree / "bin/s").chmod(0o755)
        errors = check_dist.check_commands(self.tree, [(["bin/s"], "word")])
        self.assertEqual(len(errors), 1)
        self.assertIn("exit code 4", errors[0])
        self.assertIn("broken", errors[0])

    def test_glibc_is_the_only_family_that_may_come_from_outside(self):
        for name in ("libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "linux-vdso.so.1"):
            self.assertTrue(elf.GLIBC.match(name), name)
        for name in ("libstdc++.so.6", "libcrypto.so.3", "libcuda.so.1", "libgcc_s.so.1"):
            self.assertFalse(elf.GLIBC.match(name), name)


if __name__ == "__main__":
    unittest.main()
