"""Rows, median and spread; results as JSON, tables and the README's lines."""

from __future__ import annotations

import json

import pytest

from benchmarks import machine, results, summary, tables
from benchmarks.machine import Machine
from benchmarks.measurement import Measurement, Summary, in_turn, rows
from benchmarks.results import PartResult

MACHINE = Machine(2, "A CPU", 16.0, "6.1.0", "Debian 12.11", 0.1)
DEPLOY = "first deploy, to the login page"
PAIRS = [
    Measurement(DEPLOY, "documented", 30.0, "s"),
    Measurement(DEPLOY, "bundle", 24.0, "s"),
    Measurement(DEPLOY, "bundle", 21.0, "s"),
    Measurement(DEPLOY, "documented", 34.0, "s"),
    Measurement("calls", "bundle", 8, "calls"),
    Measurement("step", "bundle", 1.5, "s", group="steps"),
    Measurement("remove", "bundle", 0.5, "s", group="growth", x=10),
    Measurement("remove", "documented", 5.0, "s", group="growth", x=1000),
    Measurement("remove", "bundle", 1.0, "s", group="growth", x=1000),
]


def result(*found: Measurement) -> PartResult:
    return PartResult("2026-01-02", "abc1234", MACHINE, 2, 99.0, tuple(rows(found or PAIRS)))


def test_a_row_has_the_median_and_the_spread_of_each_side() -> None:
    row, calls, *_others = rows(PAIRS)
    assert row.summary("documented") == Summary(32.0, 30.0, 34.0, 2)
    assert row.summary("bundle") == Summary(22.5, 21.0, 24.0, 2)
    assert row.ratio == pytest.approx(22.5 / 32)
    assert (calls.summary("documented"), calls.ratio) == (None, None)


def test_a_documented_way_of_zero_has_no_ratio() -> None:
    (row,) = rows([Measurement("a", side, 0.0, "s") for side in ("documented", "bundle")])
    assert row.ratio is None


def test_every_second_pair_begins_with_the_other_side() -> None:
    assert [[*in_turn(pair, "ab")] for pair in range(3)] == [["a", "b"], ["b", "a"], ["a", "b"]]


def test_results_are_the_same_after_json() -> None:
    stored = results.dump({"deploy": result()})
    assert results.parse(stored) == {"deploy": result()}
    first = json.loads(stored)["parts"]["deploy"]["rows"][0]
    assert first["bundle"] == {"median": 22.5, "min": 21.0, "max": 24.0, "values": [24.0, 21.0]}


def test_another_schema_is_refused() -> None:
    with pytest.raises(results.UnknownSchema, match="must be 1, not 2"):
        results.parse('{"schema": 2, "parts": {}}')


def test_a_table_shows_both_sides_and_the_ratio() -> None:
    lines = tables.markdown(result().group("")).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["", "unit", "documented way", "bundle", "ratio"]
    assert cells[2] == [DEPLOY, "s", "32 (30 to 34)", "22.5 (21 to 24)", "0.70"]
    assert cells[3] == ["calls", "calls", "", "8", ""]


def test_a_table_of_the_bundle_alone_has_no_empty_columns() -> None:
    lines = tables.markdown(result().group("steps")).splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == ["", "unit", "bundle"]


def test_the_name_of_an_operation_stays_in_its_cell() -> None:
    lines = tables.markdown(result(Measurement("NGINX | Run nginx", "bundle", 1, "s")).rows)
    assert r"| NGINX \| Run nginx |" in lines


def test_a_table_with_positions_has_a_line_for_each() -> None:
    lines = tables.markdown(result().group("growth")).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    columns = ["", "remove, bundle (s)", "remove, documented way (s)"]
    assert sorted(cells[0]) == columns
    assert cells[2][0] == "10" and sorted(cells[2]) == ["", "0.50", "10"]
    assert cells[3][0] == "1,000" and sorted(cells[3][1:]) == ["1", "5"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1234"), (12.34, "12.3"), (1.234, "1.23"), (0, "0"), (0.05, "0.05")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert tables.number(value) == text


def test_the_better_side_is_bold_whichever_it_is() -> None:
    rate = "login page, 16 connections"
    found = {
        "deploy": result(
            Measurement(DEPLOY, "documented", 30.0, "s"), Measurement(DEPLOY, "bundle", 45.0, "s")
        ),
        "visits": result(
            Measurement(rate, "documented", 900, "1/s"), Measurement(rate, "bundle", 1100, "1/s")
        ),
    }
    slower, faster = summary.lines(found)
    assert slower.endswith("| **30 s** | 45 s |\n")
    assert faster.endswith("| 900 | **1100** |\n")


def test_the_readme_s_table_needs_every_part() -> None:
    parts = {line.part: result() for line in summary.LINES}
    assert (summary.table(parts) or "").startswith(summary.HEADER)
    del parts["visits"]
    assert summary.table(parts) is None


def test_failures_are_shown_with_all_requests() -> None:
    name = "systemd: one property"
    found = result(
        Measurement(f"{name}: failed", "documented", 104, "requests"),
        Measurement(f"{name}: all", "documented", 256, "requests"),
        Measurement(f"{name}: failed", "bundle", 0, "requests"),
        Measurement(f"{name}: all", "bundle", 376, "requests"),
    )
    (line,) = summary.lines({"lifecycle": found})
    assert line.endswith("| 104 of 256 fail | **0 of 376 fail** |\n")


def test_a_machine_is_described_without_a_site_s_names() -> None:
    assert machine.kernel_version("6.1.0-18-of-a-site") == "6.1.0"
    assert machine.cpu_model("model name\t: A  CPU @ 2 GHz\nmodel name\t: B\n") == "A CPU @ 2 GHz"
    assert machine.memory_size("MemTotal:       16777216 kB\n") == 16.0
    assert "busy machine" not in str(MACHINE)
    assert "busy machine" in str(Machine(2, "A CPU", 16.0, "6.1.0", "Debian", 1.7))
