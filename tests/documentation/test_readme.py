"""README.md is short, and its figures are those of the benchmarks."""

from __future__ import annotations

import re

from tests.documentation.blocks import ROOT

README = (ROOT / "README.md").read_text("utf-8")
LINES = 150


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= LINES


def test_each_figure_is_recorded_in_the_benchmarks() -> None:
    recorded = (ROOT / "benchmarks/README.md").read_text("utf-8")
    (table,) = re.findall(r"^\| \| documented way \|.*?\n\n", README, re.M | re.S)
    cells = [cell for row in table.splitlines()[2:] for cell in row.split("|")[2:4]]
    figures = [figure for cell in cells for figure in re.findall(r"[\d.]+", cell)]
    assert len(figures) > 20
    known = {*re.findall(r"[\d.]+", recorded)}
    assert {*figures} <= known


def test_a_slower_figure_is_shown_too() -> None:
    rows = re.findall(r"^\| [^|]+ \| \*\*[^|]+\*\* \| [^|*]+ \|$", README, re.M)
    assert len(rows) >= 3
