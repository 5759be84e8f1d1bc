#!/usr/bin/env python3
"""Checks what the compiler does not: sizes, banned calls, leftover markers, the shape of the house.

  tools/check_style.py [--root DIR]

Limits: functions 70 lines, files 500 (tests 800), lines 100 columns, banned calls 0. A place that
has to break one stands in tools/style_exceptions.txt as `PATH LIMIT VALUE  # reason` (LIMIT:
function, file, columns, or the call's name); the value may only shrink, and a line that is no
longer needed is an error, so the list gets shorter by itself.
"""

import argparse
import ast
import pathlib
import re
import subprocess
import sys

from cpp_functions import blank, functions

MAX_FUNCTION, MAX_FILE, MAX_TEST_FILE, MAX_COLUMNS, MAX_README = 70, 500, 800, 100, 15
CPP = {".h", ".cc"}
CODE = CPP | {".py", ".sh", ".cmake"}
TEXT = CODE | {".md", ".txt", ".json", ".yaml", ".yml", ".html", ".css", ".js", ""}
REQUIRED = ["LICENSE", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", ".ci/run",
            "docs/README.md", "docs/architecture.md", "docs/environment.md"]

# (pattern over code without comments and literals, what to use instead, where it is allowed).
BANNED = [
    (r"(?<![\w.>])(?:std::)?system\s*\(|\bpopen\s*\(", "core/process", ()),
    (r"\bsleep_for\s*\(|(?<![\w.])(?:u|nano)?sleep\s*\(", "sleep_until of core/clock.h",
     ("core/clock.cc",)),
    (r"\b(?:system|steady|high_resolution)_clock::now\b|\bgettimeofday\s*\(|(?<![\w.>])time\s*\(\s*"
     r"(?:nullptr|NULL|0)\s*\)", "monotonic_now or a Clock of core/clock.h", ("core/clock.cc",)),
    (r"\b(?:secure_)?getenv\s*\(", "environment() of core/environment.h",
     ("core/environment.cc",)),
    (r"(?<![\w.>])(?:setenv|putenv|unsetenv)\s*\(", "the child's environment (core/process)",
     ("tests/",)),
    (r"(?<![\w.>:])s?rand\s*\(|\bstd::rand\b|\brandom_device\b", "a seeded generator", ()),
    (r"\b(?:strcpy|strcat|sprintf|vsprintf|gets)\s*\(", "fmt::format or std::string", ()),
    (r"\b(?:atoi|atol|atof|strtod|strtol|strtoul|strtoull)\s*\(|\bstd::sto(?:i|l|ll|ul|ull|d|f)\b",
     "std::from_chars or core/units.h", ()),
    (r"\bstd::(?:cout|cerr|clog)\s*<<|\bstd::cin\b", "fmt::print or core/log.h", ()),
    (r"(?<![\w.>:])(?:f|std::f|std::)?printf\s*\(", "fmt::print or core/log.h", ("core/check.cc",)),
    (r"(?<![\w.>:_])assert\s*\(", "CORUN_CHECK of core/check.h", ()),
    (r"\bthrow\b", "Result of core/result.h", ()),
    (r"\busing\s+namespace\s+std\b", "names with std::", ()),
    (r"(?<![\w.>])(?:std::)?signal\s*\(\s*SIG\w+\s*,(?!\s*SIG_)", "sigaction", ()),
    (r"\.detach\s*\(\s*\)", "std::jthread, joined", ()),
    (r"\bgmtime\s*\(|\blocaltime\s*\(|\bstrtok\s*\(", "the _r variant", ()),
]
# Half-done work: no marker for it may land.
MARKERS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK|NOCOM" r"MIT)\b|\b[Ff]or n" r"ow\b"
                     r"|\b[Pp]lace" r"holder\b(?!\s*=)")
MACHINE = re.compile(r"(?<![\w.$}/-])/(?:work|root|home/\w+|Users/\w+)/")


def tracked(root):
    """Files that git tracks or would add; all files where `root` is no checkout."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and (root / ".git").exists():
        paths = done.stdout.splitlines()
    else:
        paths = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    return sorted(path for path in set(paths) if (root / path).is_file())


def python_functions(text):
    """[(name, first line, last line)] of a Python file."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(node.name, node.lineno, node.end_lineno) for node in ast.walk(ast.parse(text))
            if isinstance(node, kinds)]


def measure(path, text):
    """{limit: (value, problem)} of one code file, only for limits that it breaks."""
    suffix = pathlib.PurePath(path).suffix
    lines = text.splitlines()
    limit = MAX_TEST_FILE if path.startswith("tests/") else MAX_FILE
    broken = {}
    if len(lines) > limit:
        broken["file"] = (len(lines), f"{path}: {len(lines)} lines; at most {limit}")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS and "http" not in line and len(line) > broken.get(
                "columns", (0,))[0]:
            broken["columns"] = (len(line), f"{path}:{number}: {len(line)} columns; "
                                 f"at most {MAX_COLUMNS}")
    found = functions(text) if suffix in CPP else python_functions(text) if suffix == ".py" else []
    for name, first, last in found:
        size = last - first + 1
        if size > MAX_FUNCTION and size > broken.get("function", (0,))[0]:
            broken["function"] = (size, f"{path}:{first}: {name} has {size} lines; at most "
                                  f"{MAX_FUNCTION}")
    for call, places in (banned_calls(path, text) if suffix in CPP else {}).items():
        named = ", ".join(place for place, _ in places)
        broken[call] = (len(places), f"{named}: {call}: use {places[0][1]}")
    return broken


def read_exceptions(root):
    """{(path, limit): value} of tools/style_exceptions.txt."""
    path = root / "tools" / "style_exceptions.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [line.split("#")[0].split() for line in lines]
    return {(row[0], row[1]): int(row[2]) for row in rows if row}


def check_limits(files, exceptions):
    errors, needed = [], set()
    for path, text in files.items():
        for limit, (value, problem) in measure(path, text).items():
            granted = exceptions.get((path, limit))
            needed.add((path, limit))
            if granted is None:
                errors.append(problem)
            elif value > granted:
                errors.append(f"{problem} (allowed was {granted}, which may not grow)")
            elif value < granted:
                errors.append(f"tools/style_exceptions.txt: {path} {limit} is {value} now; "
                              f"write that instead of {granted}")
    for path, limit in sorted(set(exceptions) - needed):
        errors.append(f"tools/style_exceptions.txt: {path} {limit} is not needed any more")
    return errors


def banned_calls(path, text):
    """{call: [(place, what to use instead)]} of one C++ file."""
    found = {}
    for number, line in enumerate(blank(text).splitlines(), 1):
        for pattern, instead, allowed in BANNED:
            match = re.search(pattern, line)
            if match and not path.startswith(allowed or ("\0",)):
                call = re.sub(r"[\s(].*", "", match.group().strip())
                found.setdefault(call, []).append((f"{path}:{number}", instead))
    return found


def check_words(texts):
    errors = []
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, what in ((MARKERS, "leftover marker"), (MACHINE, "path of one machine")):
                match = pattern.search(line)
                if match:
                    errors.append(f"{path}:{number}: {what}: {match.group()}")
    return errors


def check_links(root, texts):
    """Errors of links between the project's own documents that lead nowhere."""
    errors = []
    for path, text in texts.items():
        if not path.endswith(".md"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if "://" not in target and not (root / path).parent.joinpath(target).exists():
                    errors.append(f"{path}:{number}: link to {target}, which does not exist")
    return errors


def rooms_of(root):
    path = root / "tools" / "rooms.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split(":")[0].strip() for line in lines if ":" in line.split("#")[0]]


def check_house(root, texts):
    """Errors of the files that every checkout and every room must have."""
    errors = [f"{name}: is missing" for name in REQUIRED if not (root / name).is_file()]
    for room in rooms_of(root):
        if not (root / room).is_dir():
            continue
        readme = root / room / "README.md"
        if not readme.is_file():
            errors.append(f"{room}/README.md: is missing (what lives here, what it may include, "
                          "where to start reading)")
        elif len(readme.read_text().splitlines()) > MAX_README:
            errors.append(f"{room}/README.md: more than {MAX_README} lines")
    for path in texts:
        if path.endswith(".h") and "#pragma once" not in texts[path]:
            errors.append(f"{path}: no #pragma once")
    return errors


def check(root):
    """All errors of the tree below `root`, as lines."""
    texts = {}
    for path in tracked(root):
        suffix = pathlib.PurePath(path).suffix
        if suffix in TEXT and not path.startswith("results/"):
            try:
                texts[path] = (root / path).read_text()
            except UnicodeDecodeError:
                if suffix in CODE:
                    return [f"{path}: not UTF-8"]
    code = {path: text for path, text in texts.items() if pathlib.PurePath(path).suffix in CODE}
    return (check_limits(code, read_exceptions(root)) + check_words(texts) +
            check_links(root, texts) + check_house(root, texts))


def main():
    parser = argparse.ArgumentParser(description="Checks sizes, banned calls and leftovers.")
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    errors = check(parser.parse_args().root.resolve())
    for error in errors:
        print(f"check_style: {error}")
    if not errors:
        print("check_style: no function, file, line or word out of style")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
