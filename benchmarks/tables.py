"""Tables of results, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate

from benchmarks.measurement import SIDES, Row, Summary
from benchmarks.results import PartResult


def number(value: float) -> str:
    """Return a number with three significant digits, and whole if it is 100 or more."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}"


def cell(summary: Summary | None) -> str:
    """Return the median, and the spread of several values in parentheses."""
    if summary is None:
        return ""
    spread = f" ({number(summary.minimum)} to {number(summary.maximum)})"
    return number(summary.median) + (spread if summary.minimum != summary.maximum else "")


def markdown(rows: Sequence[Row]) -> str:
    """Return the table of one group: with positions, one line for each of them."""
    if any(row.key.x is not None for row in rows):
        return _by_position(rows)
    return _by_name(rows)


def terminal(result: PartResult) -> str:
    """Return all tables of a part for a terminal."""
    return "\n\n".join(
        (f"{group}\n\n" if group else "") + markdown(result.group(group))
        for group in result.groups()
    )


def _by_name(rows: Sequence[Row]) -> str:
    has_documented = any(row.documented for row in rows)
    columns = ["", "unit", "documented way", "bundle", "ratio"]
    lines = [[row.key.name, row.key.unit, *map(cell, _summaries(row)), _ratio(row)] for row in rows]
    if not has_documented:
        columns = ["", "unit", "bundle"]
        lines = [[line[0], line[1], line[3]] for line in lines]
    return _table(columns, lines)


def _by_position(rows: Sequence[Row]) -> str:
    kinds = dict.fromkeys(
        (row.key.name, side, row.key.unit)
        for row in rows
        for side in SIDES
        if row.summary(side) is not None
    )
    sides = {side for _name, side, _unit in kinds}
    columns = [""]
    for name, side, unit in kinds:
        way = {"documented": "documented way", "bundle": "bundle"}[side]
        columns.append(f"{name}, {way} ({unit})" if len(sides) > 1 else f"{name} ({unit})")
    lines = []
    for x in dict.fromkeys(row.key.x for row in rows):
        line = [f"{x:,.0f}" if x is not None else ""]
        for name, side, unit in kinds:
            found = [
                row.summary(side)
                for row in rows
                if (row.key.name, row.key.unit, row.key.x) == (name, unit, x)
            ]
            line.append(cell(found[0]) if found else "")
        lines.append(line)
    return _table(columns, lines)


def _summaries(row: Row) -> Iterable[Summary | None]:
    return (row.summary(side) for side in SIDES)


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    lines = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    alignment = ["left", *("right" for _ in columns[1:])]
    return tabulate(
        lines, headers=columns, tablefmt="pipe", disable_numparse=True, colalign=alignment
    )
