"""Published tables (published.json) and what tools/published.py measured of them, as Markdown."""

import collections
import json
import pathlib

import sweep

TABLES = pathlib.Path(__file__).resolve().parent / "published.json"
LEAST_FOR_P99 = 100  # requests; of fewer the 99th percentile is the longest one


class Wrong(Exception):
    pass


def load(path, names):
    """The tables of a file, or those of these names."""
    try:
        tables = json.loads(path.read_text())["tables"]
    except (OSError, ValueError, KeyError) as error:
        raise Wrong(f"{path}: {error}") from error
    known = [table["name"] for table in tables]
    for name in names:
        if name not in known:
            raise Wrong(f"{path}: no table '{name}'; there are {', '.join(known)}")
    chosen = [table for table in tables if not names or table["name"] in names]
    for table in chosen:
        check(path, table)
    return chosen


def check(path, table):
    """That a table's cells name its own tenants, and have a figure for each that is published."""
    names = tenants([table])
    for cell in table["cells"]:
        where = f"{path}: table '{table['name']}', cell '{cell['name']}'"
        for name in [*cell["run"], *(name for name, _ in needs(cell))]:
            if name not in names:
                raise Wrong(f"{where}: no tenant '{name}'")
        for way, values in cell["published"].items():
            if len(values) != len(cell["measure"]):
                raise Wrong(f"{where}: {len(values)} figures for '{way}', "
                            f"{len(cell['measure'])} are measured")


def tenants(tables):
    """{name: command}; of a tenant with `copies` those are NAME-1 and so on."""
    found = {}
    for table in tables:
        for name, tenant in table["tenants"].items():
            copies = tenant.get("copies")
            for one in [f"{name}-{i + 1}" for i in range(copies)] if copies else [name]:
                if one in found:
                    raise Wrong(f"two tenants are named '{one}'")
                found[one] = tenant["command"]
    return found


def critical(table, cell):
    return cell.get("critical", table.get("critical"))


def needs(cell):
    """What a cell is compared with: [(tenant, load)], each alone."""
    loads = cell.get("loads", {})
    if cell["measure"] == ["sum"]:
        return [(cell["run"][0], loads.get(cell["run"][0]))]
    return [(name, loads.get(name)) for name in
            (measure.partition(":")[2] for measure in cell["measure"])]


def ratios(cell, row, alone):
    """Figures of a window over those of windows alone; None where one has no such figure."""
    found = []
    for measure in cell["measure"]:
        what, _, name = measure.partition(":")
        if what == "sum":
            what, name = "rate", cell["run"][0]
            value = sum(one["rate"] for one in row["figures"].values())
        else:
            value = figure(row["figures"].get(name), what)
        single = alone.get((row["block"], name, cell.get("loads", {}).get(name)))
        below = figure(single, what)
        found.append(value / below if value is not None and below else None)
    return found


def figure(figures, what):
    if not figures or (what == "p99" and figures["requests"] < LEAST_FOR_P99):
        return None
    return figures.get(what)


def read(folders):
    """Rows of windows; blocks of different folders are different ones."""
    rows = []
    for folder in folders:
        path = folder / "windows.jsonl"
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise Wrong(f"{path}: {error.strerror}") from error
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise Wrong(f"{path}:{number}: {error}") from error
            rows.append({**row, "block": (str(folder), row["block"])})
    return rows


def measured(tables, rows):
    """{(table, cell, way): [ratios of a window]}."""
    alone = {(row["block"], name, load): row["figures"][name]
             for row in rows if row["table"] is None for name, load in row["loads"].items()}
    cells = {(table["name"], cell["name"]): cell for table in tables for cell in table["cells"]}
    found = collections.defaultdict(list)
    for row in rows:
        cell = cells.get((row["table"], row["cell"]))
        if cell:
            found[row["table"], row["cell"], row["way"]].append(ratios(cell, row, alone))
    return found


def told(windows):
    """The figures of a cell under a way, over its windows."""
    said = []
    for values in zip(*windows):
        known = [value for value in values if value]
        said.append(sweep.with_interval(known) if known else "-")
    return " / ".join(said)


def published_text(values):
    return " / ".join("-" if value is None else f"{value:g}" for value in values)


def markdown(tables, folders):
    found = measured(tables, read(folders))
    out = []
    for table in tables:
        ways = sorted({way for name, _, way in found if name == table["name"]})
        if not ways:
            continue
        theirs = list(dict.fromkeys(way for cell in table["cells"] for way in cell["published"]))
        out += [f"### {table['title']}", "",
                f"Published: {table['source']} ({table['device']}). Here: {table['differs']}.", "",
                f"A cell has: {'; '.join(table['figures'])}.", "",
                "| | " + " | ".join([f"published: {way}" for way in theirs] +
                                     [f"measured: {way}" for way in ways]) + " |",
                "|---" * (1 + len(theirs) + len(ways)) + "|"]
        for cell in table["cells"]:
            said = [published_text(cell["published"][way]) if way in cell["published"] else ""
                    for way in theirs]
            said += [told(found[table["name"], cell["name"], way]) for way in ways]
            out.append("| " + " | ".join([cell["name"], *said]) + " |")
        out.append("")
    return "\n".join(out)
