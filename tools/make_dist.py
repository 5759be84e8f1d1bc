#!/usr/bin/env python3
"""Makes the relocatable tree dist/corun-VERSION-linux-x86_64/ and its tarball from build/.

Programs and drop-ins already carry the search path $ORIGIN/../lib (cmake/CorunOptions.cmake), so
this copies, adds every library that is not part of glibc, and strips. LD_LIBRARY_PATH is never
needed: tenants would inherit it.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import elf
import make_sdk

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["bin", "lib", "simgpu", "mixes", "profiles", "share"]  # of the build tree, as they are
EXTRA = ["LICENSE", "README.md", "CHANGELOG.md", "docs", "workloads/reference",
         "tools/harness_overhead.py"]  # into share/corun
FORBIDDEN = re.compile(r"^lib(?:torch|c10|caffe2)")


def version(build):
    match = re.search(r"CMAKE_PROJECT_VERSION:STATIC=(\S+)", (build / "CMakeCache.txt").read_text())
    return match.group(1)


def copy_programs(build, tree):
    for folder in FOLDERS:
        if (build / folder).is_dir():
            shutil.copytree(build / folder, tree / folder, symlinks=True,
                            ignore=shutil.ignore_patterns("CMakeFiles", "*.cmake", "*.a"))
    for name in EXTRA:
        source, target = ROOT / name, tree / "share" / "corun" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def drop_torch_programs(tree):
    """LibTorch is hundreds of megabytes and another one on each GPU machine: what needs it is built
    there."""
    for path in list(elf.elf_files(tree)):
        if any(FORBIDDEN.match(name) for name in elf.resolved(path)):
            path.unlink()


def copy_libraries(tree):
    """Copies what the programs need besides glibc into lib/; returns the names."""
    needed = {}
    for path in elf.elf_files(tree):
        needed.update(elf.resolved(path))
    copied = []
    (tree / "lib").mkdir(exist_ok=True)
    for name, where in sorted(needed.items()):
        inside = where is not None and pathlib.Path(where).is_relative_to(tree)
        if elf.GLIBC.match(name) or inside:
            continue
        if where is None or FORBIDDEN.match(name):
            raise SystemExit(f"make_dist: error: {name} cannot be shipped (found at: {where})")
        shutil.copy2(pathlib.Path(where).resolve(), tree / "lib" / name)
        copied.append(name)
    return copied


def make(build, dist):
    """Builds tree and tarball; returns (tree, tarball, names of the copied libraries)."""
    tree = dist / f"corun-{version(build)}-linux-x86_64"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    copy_programs(build, tree)
    if not (tree / "bin" / "corun").is_file():
        raise SystemExit(f"make_dist: error: {build}/bin/corun is missing; run make build first")
    drop_torch_programs(tree)
    copied = copy_libraries(tree)
    make_sdk.make(tree / "sdk")  # for what was dropped
    for path in elf.elf_files(tree):
        path.chmod(path.stat().st_mode | 0o200)
        subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)
    tarball = tree.with_name(tree.name + ".tar.gz")
    with tarfile.open(tarball, "w:gz", compresslevel=6) as archive:
        archive.add(tree, arcname=tree.name)
    return tree, tarball, copied


def main():
    parser = argparse.ArgumentParser(description="Makes dist/ from a release build.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--dist", type=pathlib.Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    tree, tarball, copied = make(arguments.build.resolve(), arguments.dist.resolve())
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    print(f"make_dist: {tree} ({size / 1e6:.1f} MB; libraries: {' '.join(copied)})")
    print(f"make_dist: {tarball} ({tarball.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
