"""What the dynamic loader will do with an ELF file, as readelf and ldd tell it."""

import pathlib
import re
import subprocess

# Part of every glibc system, and bound to its kernel and loader: never shipped.
GLIBC = re.compile(r"^(?:ld-linux-x86-64|linux-vdso|lib(?:c|m|dl|rt|pthread|resolv|util|anl|mvec|"
                   r"nss_\w+|BrokenLocale|thread_db))\.so(?:\.\d+)*$")


def is_elf(path):
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def elf_files(root):
    return sorted(path for path in pathlib.Path(root).rglob("*") if is_elf(path))


def _run(*command, env=None):
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


def dynamic(path):
    """{"NEEDED": [...], "RPATH": [...], "RUNPATH": [...]} of the dynamic section."""
    found = {"NEEDED": [], "RPATH": [], "RUNPATH": []}
    for line in _run("readelf", "-dW", str(path)).splitlines():
        match = re.search(r"\((NEEDED|RPATH|RUNPATH)\).*\[(.*)\]", line)
        if match:
            found[match.group(1)].append(match.group(2))
    return found


def resolved(path):
    """{soname: path} of all libraries that the loader takes, also indirectly; None: not found."""
    found = {}
    for line in _run("ldd", str(path), env={"PATH": "/usr/bin:/bin"}).splitlines():
        match = re.match(r"\s*(\S+) => (not found|.+?)(?: \(0x[0-9a-f]+\))?$", line)
        if match:
            name, where = match.groups()
            found[name] = None if where == "not found" else where
    return found


def newest_glibc(path):
    """The newest GLIBC_x.y version that the file's symbols ask for, as (x, y)."""
    text = _run("readelf", "-VW", str(path))
    versions = {tuple(int(part) for part in v.split(".")[:2])
                for v in re.findall(r"GLIBC_(\d+\.\d+)", text)}
    return max(versions, default=(0, 0))
