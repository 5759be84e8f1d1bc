#!/usr/bin/env python3
"""Writes a C++ source with the files of a folder, gzip'd: the page of `corun serve`.

  tools/embed_web.py DIST OUTPUT

Without DIST (the page was not built) the source holds no file. The output depends on the files
alone, and is written only when it changes.
"""

import gzip
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
}
HEAD = """// Written by tools/embed_web.py.
#include "monitoring/web_files.h"

namespace corun::monitoring {
"""


def bytes_lines(data):
    """The bytes as lines of an initialiser."""
    step = 24
    return "\n".join("    " + ",".join(str(byte) for byte in data[i:i + step]) + ","
                     for i in range(0, len(data), step))


def source_of(dist):
    """The whole C++ source."""
    paths = sorted(p for p in dist.rglob("*") if p.is_file()) if dist.is_dir() else []
    parts, entries = [HEAD], []
    for number, path in enumerate(paths):
        kind = TYPES.get(path.suffix)
        if kind is None:
            sys.exit(f"embed_web: error: {path} is of no known type; add it to TYPES")
        data = path.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        tag = hashlib.sha256(data).hexdigest()[:16]
        name = "/" + path.relative_to(dist).as_posix()
        parts.append(f"static constexpr unsigned char kFile{number}[] = {{\n"
                     f"{bytes_lines(packed)}\n}};\n")
        entries.append(f'    {{"{name}", "{kind}", "\\"{tag}\\"", '
                       f"{{kFile{number}, sizeof kFile{number}}}, {len(data)}}},\n")
    if entries:
        parts.append("static constexpr WebFile kFiles[] = {\n" + "".join(entries) + "};\n")
        parts.append("std::span<const WebFile> web_files() { return kFiles; }\n")
    else:
        parts.append("std::span<const WebFile> web_files() { return {}; }\n")
    parts.append("\n}  // namespace corun::monitoring\n")
    return "".join(parts)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    dist, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    source = source_of(dist)
    if not output.exists() or output.read_text() != source:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(source)


main()
