"""Tables between markers of a page follow from results; the rest of the page stays."""

from __future__ import annotations

import re

import pytest

from benchmarks import page, plots
from benchmarks.machine import Machine
from benchmarks.measurement import Measurement, rows
from benchmarks.parts import PARTS
from benchmarks.results import PartResult, load

MACHINE = Machine(2, "A CPU", 16.0, "6.1.0", "Debian 12.11", 0.1)
FOUND = PartResult(
    "2026-01-02",
    "abc1234",
    MACHINE,
    5,
    9.0,
    tuple(rows([Measurement("a", "bundle", 1, "s"), Measurement("b", "bundle", 2, "s", "steps")])),
)
PAGE = """# Title

<!-- benchmark: deploy -->
old
<!-- end of benchmark -->

Text.

<!-- benchmark: deploy: steps -->
<!-- end of benchmark -->
<!-- benchmark: visits -->
kept
<!-- end of benchmark -->
"""


def test_only_the_tables_with_results_change() -> None:
    text = page.update(PAGE, {"deploy": FOUND})
    assert text.startswith("# Title\n\n<!-- benchmark: deploy -->\n\n|")
    assert "old" not in text and "kept" in text and "\nText.\n" in text
    first, second = text.split("Text.")
    assert "| a " in first and "| b " not in first
    assert "| b " in second


def test_a_table_says_when_and_where_it_was_measured() -> None:
    text = page.update(PAGE, {"deploy": FOUND})
    assert "2026-01-02, commit abc1234, 5 pairs; 2 cores (A CPU), 16 GB of memory" in text


def test_a_second_update_changes_nothing() -> None:
    once = page.update(PAGE, {"deploy": FOUND})
    assert page.update(once, {"deploy": FOUND}) == once


@pytest.mark.parametrize("name", page.NAMES)
def test_each_marker_of_the_pages_names_a_part_and_its_table(name: str) -> None:
    """A marker that nothing fills would leave a page without its table, and without an error."""
    stored = load(page.RESULTS)
    text = (page.DOCS / name).read_text("utf-8")
    markers = re.findall(r"<!-- benchmark: (.+?) -->", text)
    assert len(markers) == text.count("<!-- end of benchmark -->") > 0
    for marker in markers:
        part, _colon, group = marker.partition(": ")
        if part.startswith("plot "):
            assert part.removeprefix("plot ") in {plot.name for plot in plots.PLOTS}
        elif part != "summary":
            assert part in {each.name for each in PARTS}
            assert part not in stored or stored[part].group(group)


def test_every_table_of_the_stored_results_is_on_a_page() -> None:
    text = "".join((page.DOCS / name).read_text("utf-8") for name in page.NAMES)
    for part, result in load(page.RESULTS).items():
        for group in result.groups():
            assert f"<!-- benchmark: {part}{f': {group}' if group else ''} -->" in text
