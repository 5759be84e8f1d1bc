"""tools/make_sdk.py: what the sources include is there, with all that it includes."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import make_sdk  # noqa: E402


class Sdk(unittest.TestCase):
    def test_each_header_that_the_sources_name_needs_no_other_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            sdk = pathlib.Path(folder)
            self.assertGreater(make_sdk.make(sdk), 100)
            names = make_sdk.included()
            self.assertIn("fmt/format.h", names)
            source = sdk / "all.cc"
            source.write_text("".join(f"#include <{name}>\n" for name in names))
            rule = subprocess.run(["g++", *make_sdk.FLAGS, f"-I{sdk}/include", "-M", source],
                                  check=True, text=True, capture_output=True).stdout
            outside = [word for word in rule.split()
                       if re.search(r"/(fmt|spdlog|nlohmann|CLI|boost)/", word)
                       and not word.startswith(folder)]
            self.assertEqual(outside, [])
            self.assertTrue((sdk / "licenses" / "boost").is_file())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
