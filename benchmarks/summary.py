"""The README's table: one figure of each side for what administrators ask about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.measurement import Row
from benchmarks.results import Results
from benchmarks.tables import number

HEADER = "| | documented way | this bundle |\n|---|---|---|\n"
_UNITS = {"s": " s", "ms": " ms", "MB": " MB", "bytes": " bytes"}


@dataclass(frozen=True)
class Line:
    """A line of the table: of a part's row. total: the row that says of how many, for failures."""

    label: str
    part: str
    row: str
    total: str = ""
    is_more_better: bool = False


LINES = (
    Line(
        "first installation, to the login page (manually: without the files of NGINX and Redis)",
        "deploy",
        "first deploy, to the login page",
    ),
    Line("second run, nothing to change", "deploy", "idle deploy, over docker"),
    Line(
        "40 requests a second while one property changes",
        "lifecycle",
        "systemd: one property: failed",
        total="systemd: one property: all",
    ),
    Line("40 properties, by the bundle with a trial", "configuration", "40 properties"),
    Line(
        "a container with ten settings, to the login page",
        "containers",
        "start with ten settings, to the login page",
    ),
    Line(
        "first visit of the login page: CSS, JavaScript, images",
        "visits",
        "first visit: CSS, JavaScript, images",
    ),
    *(
        Line(
            f"{what}, {connections} connections: requests a second",
            "visits",
            f"{what}, {connections} connections",
            is_more_better=True,
        )
        for what in ("login page", "a static file")
        for connections in (16, 64)
    ),
    Line(
        "fifty users, first minute: 95 % of answers within",
        "users",
        "first minute: 95 % of answers within",
    ),
    Line("fifty users: memory afterwards", "users", "second minute: memory afterwards"),
    Line("100,000 expired sessions are removed in", "sessions", "100,000 expired"),
)


def table(results: Results) -> str | None:
    """Return the table as Markdown, with the better side in bold.

    None if a part of the table has no result: a page then keeps the table that it has.
    """
    if not all(line.part in results for line in LINES):
        return None
    return HEADER + "".join(lines(results))


def lines(results: Results) -> Iterator[str]:
    """Yield the lines of which the results have a row."""
    for line in LINES:
        if line.part in results:
            rows = {row.key.name: row for row in results[line.part].group("")}
            if line.row in rows:
                yield _line(line, rows[line.row], rows.get(line.total))


def _line(line: Line, row: Row, total: Row | None) -> str:
    documented, bundle = row.summary("documented"), row.summary("bundle")
    totals = (total.summary("documented"), total.summary("bundle")) if total else (None, None)
    cells = []
    for each, whole in zip((documented, bundle), totals, strict=True):
        text = "" if each is None else number(each.median) + _UNITS.get(row.key.unit, "")
        if each and whole:
            text = f"{number(each.median)} of {number(whole.median)} fail"
        cells.append(text)
    if documented and bundle and documented.median != bundle.median:
        is_bundle_better = (bundle.median > documented.median) == line.is_more_better
        cells[is_bundle_better] = f"**{cells[is_bundle_better]}**"
    return f"| {line.label} | {cells[0]} | {cells[1]} |\n"
