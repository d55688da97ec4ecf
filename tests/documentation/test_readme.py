"""README.md is short, and its figures are the stored results of the benchmarks."""

from __future__ import annotations

import re

from benchmarks import page, summary
from benchmarks.results import load
from tests.documentation.blocks import ROOT

README = (ROOT / "README.md").read_text("utf-8")
LINES = 150


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= LINES


def test_its_table_is_the_summary_of_the_stored_results() -> None:
    (table,) = re.findall(r"^\| \| documented way \|.*?\n\n", README, re.M | re.S)
    cells = [cell for row in table.splitlines()[2:] for cell in row.split("|")[2:4]]
    assert len([figure for cell in cells for figure in re.findall(r"[\d.]+", cell)]) > 20
    expected = summary.table(load(page.RESULTS))
    assert expected is None or table.strip() == expected.strip()
