#!/usr/bin/env python3
"""Checks the include table: tools/rooms.txt against every #include and every CMake link.

  tools/check_rooms.py [--root DIR]

A room is a folder named in tools/rooms.txt. It fails, naming file and line, when
- a file includes another room that its own room's line does not list;
- a room includes another one that its CMake DEPS do not lead to;
- a CMakeLists.txt of a room links a room that the table does not list;
- a file lies in no room, includes a room with <>, or the table has a cycle or a missing folder.
"""

import argparse
import pathlib
import re
import sys

SUFFIXES = {".h", ".cc", ".c", ".cu", ".cuh", ".inc"}
OUTSIDE = {"build", "dist", "tests", "tools", "docs", "cmake", "results", "node_modules",
           "include"}  # include/: C headers for applications, which stand alone
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]')
CMAKE_CALL = re.compile(r"\b(corun_room|corun_program|target_link_libraries)\s*\(([^)]*)\)", re.S)
CMAKE_KEYWORDS = {"DEPS", "LIBS", "NEEDS", "PUBLIC", "PRIVATE", "INTERFACE"}


def read_table(path):
    """{room: set of rooms it may include} from lines `ROOM: ROOM ROOM`; errors as text."""
    table, errors = {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, colon, rest = line.partition(":")
        if not colon or not room.strip():
            errors.append(f"{path.name}:{number}: not of the form 'ROOM: ROOMS'")
            continue
        table[room.strip()] = set(rest.split())
    for room, allowed in table.items():
        for other in sorted(allowed - set(table)):
            errors.append(f"{path.name}: {room} may include {other}, which has no line of its own")
    return table, errors


def find_cycle(edges):
    """A room that reaches itself over `edges`, or None."""
    for start in edges:
        if start in closure(start, edges):
            return start
    return None


def closure(room, edges):
    """All rooms that `room` reaches over `edges`, itself only over a cycle."""
    reached, todo = set(), list(edges.get(room, ()))
    while todo:
        other = todo.pop()
        if other not in reached:
            reached.add(other)
            todo += edges.get(other, ())
    return reached


def room_of(path, table):
    """The room whose folder holds `path` (relative, with /): the longest match, or None."""
    matches = [room for room in table if path.startswith(room + "/")]
    return max(matches, key=len, default=None)


def check_file(root, relative, table, used):
    """Errors of one file's includes; adds each edge to used[room] with its first place."""
    room = room_of(relative, table)
    if room is None:
        return [f"{relative}: lies in no room of tools/rooms.txt"]
    errors = []
    text = (root / relative).read_text(errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        bracket, target = match.groups()
        other = room_of(target, table)
        place = f"{relative}:{number}"
        if bracket == "<":
            if other is not None and (root / target).exists():
                errors.append(f'{place}: write #include "{target}", not <{target}>')
        elif other is None:
            errors.append(f'{place}: "{target}" is in no room; include as "room/file.h"')
        elif other != room:
            if other not in table[room]:
                errors.append(f"{place}: {room} may not include {other} (tools/rooms.txt)")
            used.setdefault(room, {}).setdefault(other, place)
    return errors


def cmake_links(text, table):
    """[(what, room)]: the rooms that the calls of one CMakeLists.txt link."""
    targets = {"corun_" + room.replace("/", "_"): room for room in table}
    # A part of a room (simgpu/engine) may be a target of its own: it counts as its room.
    links = []
    for call, body in CMAKE_CALL.findall(re.sub(r"#[^\n]*", "", text)):
        words = body.split()
        section = None
        for word in words[1:]:
            if word in CMAKE_KEYWORDS:
                section = word
            elif section == "DEPS" and call != "target_link_libraries":
                links.append((call, room_of(word + "/", table) or word))
            elif word in targets:
                links.append((call, targets[word]))
    return links


def check_cmake(root, table, used):
    """Errors of the rooms' CMakeLists.txt: links outside the table, includes without a link."""
    errors, linked = [], {room: set() for room in table}
    for path in sorted(root.rglob("CMakeLists.txt")):
        relative = path.relative_to(root).as_posix()
        room = room_of(relative, table)
        if room is None or relative.split("/")[0] in OUTSIDE:
            continue
        for call, other in cmake_links(path.read_text(), table):
            if other != room and other not in table[room]:
                errors.append(f"{relative}: {call} links {other}, which {room} may not include")
            elif other != room and call != "corun_program":
                linked[room].add(other)
    for room, others in sorted(used.items()):
        for other, place in sorted(others.items()):
            if other in table[room] and other not in closure(room, linked):
                errors.append(f"{place}: {room} includes {other}, but its DEPS do not link it")
    return errors


def check(root):
    """All errors of the tree below `root`, as lines."""
    table, errors = read_table(root / "tools" / "rooms.txt")
    cycle = find_cycle(table)
    if cycle:
        return errors + [f"rooms.txt: {cycle} reaches itself"]
    used = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root).as_posix()
        top = relative.split("/")[0]
        if path.suffix in SUFFIXES and top not in OUTSIDE and not top.startswith("."):
            errors += check_file(root, relative, table, used)
    return errors + check_cmake(root, table, used)


def main():
    parser = argparse.ArgumentParser(description="Checks the include table tools/rooms.txt.")
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    errors = check(parser.parse_args().root)
    for error in errors:
        print(f"check_rooms: {error}")
    if not errors:
        print("check_rooms: every include and link keeps tools/rooms.txt")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
