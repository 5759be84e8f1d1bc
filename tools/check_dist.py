#!/usr/bin/env python3
"""Proves that the tree of `make dist` runs anywhere: unpacked into another folder, it needs nothing
but glibc from outside, asks for no newer glibc than 2.36, and its programs run.

  tools/check_dist.py [--dist DIR]
"""

import argparse
import pathlib
import subprocess
import sys
import tarfile
import tempfile

import elf

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEWEST_GLIBC = (2, 36)  # Debian 12's; Ubuntu 24.04 has 2.39
# Commands that must work without the build tree, and a word of their output. {out}: a new folder.
COMMANDS = [
    (["bin/corun", "--version"], "corun"),
    (["bin/corun", "bench", "--help"], "--mode"),
    (["bin/corun", "doctor", "--gpu", "simulated"], "SIMULATED"),
    (["bin/corun-synthetic", "--help"], "train"),
    (["bin/corun", "bench", "--mode", "time-slicing", "--tenant", "a=corun-synthetic train",
      "--quick", "--duration", "500ms", "--gpu", "simulated", "--out", "{out}"], "SIMULATED"),
]


def check_elf(path, tree):
    """Errors of one ELF file of the tree."""
    errors, name = [], path.relative_to(tree)
    dynamic = elf.dynamic(path)
    if dynamic["RUNPATH"]:
        errors.append(f"{name}: has a RUNPATH, which does not serve libraries of libraries")
    for entry in ":".join(dynamic["RPATH"]).split(":"):
        if entry and not entry.startswith("$ORIGIN"):
            errors.append(f"{name}: RPATH {entry} names a folder of the build machine")
    if path.parent.name != "lib":  # a copied library is found by whoever needs it
        for soname, where in elf.resolved(path).items():
            if elf.GLIBC.match(soname):
                continue
            if where is None or not pathlib.Path(where).resolve().is_relative_to(tree.resolve()):
                errors.append(f"{name}: takes {soname} from {where}, outside the tree")
    if elf.newest_glibc(path) > NEWEST_GLIBC:
        errors.append(f"{name}: needs glibc {elf.newest_glibc(path)}")
    if str(ROOT).encode() + b"/" in path.read_bytes():
        errors.append(f"{name}: contains the path of the source tree, {ROOT}")
    return errors


def check_tree(tree):
    """Errors of all files of an unpacked tree."""
    folders = ("bin", "lib", "share")
    errors = [f"{name}/ is missing" for name in folders if not (tree / name).is_dir()]
    files = elf.elf_files(tree)
    if not any(path.parent.name == "bin" for path in files):
        errors.append("bin/ holds no program")
    for path in files:
        errors += check_elf(path, tree)
    return errors


def check_commands(tree, commands):
    """Runs programs from a foreign folder and with an empty environment."""
    errors = []
    for command, word in commands:
        arguments = [argument.replace("{out}", str(tree / "out")) for argument in command[1:]]
        done = subprocess.run([str(tree / command[0])] + arguments, cwd="/", text=True,
                              env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
                              capture_output=True, timeout=60, check=False)
        if done.returncode != 0 or word not in done.stdout:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            errors.append(f"{' '.join(command)}: exit code {done.returncode}, without '{word}' in "
                          f"its output: {last}")
    return errors


def main():
    parser = argparse.ArgumentParser(description="Checks the tarball of make dist.")
    parser.add_argument("--dist", type=pathlib.Path, default=ROOT / "dist")
    tarballs = sorted(parser.parse_args().dist.glob("corun-*-linux-x86_64.tar.gz"))
    if len(tarballs) != 1:
        print(f"check_dist: error: {len(tarballs)} tarballs in dist/; run make clean dist")
        return 1
    with tempfile.TemporaryDirectory(prefix="corun dist ") as folder:  # a space in the path, too
        with tarfile.open(tarballs[0]) as archive:
            archive.extractall(folder)
        tree = next(pathlib.Path(folder).iterdir())
        errors = check_tree(tree) + check_commands(tree, COMMANDS)
    for error in errors:
        print(f"check_dist: {error}")
    if not errors:
        print(f"check_dist: {tarballs[0].name} runs from any folder and needs only glibc")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
