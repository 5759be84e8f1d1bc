#!/usr/bin/env python3
"""Copies what LibTorch's programs need to be built elsewhere into a folder sdk/.

  tools/make_sdk.py FOLDER

corun-train and corun-infer-torch are built on the GPU machine, against the LibTorch that is there.
Such a machine often has CMake and a compiler and none of Debian's packages, so the headers that the
sources include from fmt, spdlog, JSON, CLI11 and Boost are copied, each with all that it includes.
The sources themselves come with the repository:

  cmake -S corun -B build -DCORUN_SDK=FOLDER -DCORUN_LIBTORCH=...   (docs/training.md)
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARIES = {"fmt": "libfmt-dev", "spdlog": "libspdlog-dev", "nlohmann": "nlohmann-json3-dev",
             "CLI": "libcli11-dev", "boost": "libboost1.74-dev"}
OUTSIDE = {"build", "dist", "tests", "simgpu", "node_modules"}
INCLUDE = re.compile(rf"^\s*#\s*include\s+<((?:{'|'.join(LIBRARIES)})/[^>]+)>", re.MULTILINE)
# Where Boost chooses headers by compiler, version and system.
BOOST_CHOICES = ["boost/config", "boost/predef", "boost/core", "boost/detail", "boost/smart_ptr",
                 "boost/system", "boost/type_traits"]
# As cmake/CorunSdk.cmake has them: headers alone, so their sources are headers too.
FLAGS = ["-std=c++20", "-DFMT_HEADER_ONLY", "-DSPDLOG_HEADER_ONLY", "-DSPDLOG_FMT_EXTERNAL"]


def included():
    """All headers of the libraries that the sources name."""
    names = set()
    for path in ROOT.rglob("*"):
        if path.suffix in {".h", ".cc"} and path.relative_to(ROOT).parts[0] not in OUTSIDE:
            names.update(INCLUDE.findall(path.read_text(errors="replace")))
    return sorted(names)


def with_all_they_include(names, compiler="g++"):
    """{name below the include folder: path}, from the compiler itself."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "all.cc"
        source.write_text("".join(f"#include <{name}>\n" for name in names))
        rule = subprocess.run([compiler, *FLAGS, "-M", source], check=True, text=True,
                              capture_output=True).stdout
    found = {}
    for word in rule.replace("\\\n", " ").split():
        match = re.search(rf"/include/((?:{'|'.join(LIBRARIES)})/.+)$", word)
        if match:
            found[match.group(1)] = pathlib.Path(word)
    return found


def boost_of_other_compilers(found):
    """All that another compiler may choose."""
    include = next(iter(path.parents[len(pathlib.PurePath(name).parts) - 1]
                        for name, path in found.items() if name.startswith("boost/")))
    more = {}
    for part in BOOST_CHOICES:
        for path in (include / part).rglob("*.h*"):
            more[path.relative_to(include).as_posix()] = path
    return more


def make(sdk):
    """Fills the folder; returns the number of headers."""
    found = with_all_they_include(included())
    found.update(boost_of_other_compilers(found))
    for name, path in found.items():
        target = sdk / "include" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for library, package in LIBRARIES.items():
        terms = pathlib.Path("/usr/share/doc") / package / "copyright"
        if terms.is_file():
            (sdk / "licenses").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(terms, sdk / "licenses" / library)
    return len(found)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    sdk = pathlib.Path(sys.argv[1]).resolve()
    count = make(sdk)
    size = sum(path.stat().st_size for path in sdk.rglob("*") if path.is_file())
    print(f"make_sdk: {sdk} ({count} headers, {size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
