"""What plan, status and doctor print of several hosts."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.cli import doctor, plan, report, status
from roles.cli.host_command import Answer
from roles.cli.plan import Plan
from roles.cli.report import Report

STATUS: dict[str, Any] = {
    "status": "warnings",
    "warnings": [{"check": "disk", "message": "is full", "remedy": "remove files"}],
    "releases": {"serves": {"omero_web": "5.33.2"}},
    "workers": {"present": 5},
    "metrics": {"sessions": 7},
    "maintenance": True,
}
DOCTOR: dict[str, Any] = {
    "url": "https://omero.example.org/",
    "checks": [
        {"name": "login", "status": "ok", "message": "works", "setting": ""},
        {"name": "clock", "status": "error", "message": "is late", "setting": "ntp"},
    ],
}


def answer(content: object, status: int | None) -> Answer:
    return Answer(status, json.dumps(content))


def test_a_table_has_a_row_for_each_host_and_the_worst_status() -> None:
    reports = [
        report.read("web1", answer(STATUS, 1)),
        report.read("web2", answer({**STATUS, "status": "serving", "warnings": []}, 0)),
        report.read("web3", Answer(None, "", "Could not connect (timed out)")),
    ]
    assert report.worst(reports) == 2
    rows = [status._row(each) for each in reports]
    assert rows[0] == ("web1", "warnings", "5.33.2", "5", "7", "on", "1")
    assert rows[2][:2] == ("web3", "no report")
    table = click.unstyle(report.table([status._HEAD, *rows], [None, 1, 0, 2])).splitlines()
    assert (
        len(
            {
                line.index(each)
                for line, each in zip(table[1:], ("warn", "serv", "no r"), strict=True)
            }
        )
        == 1
    )
    assert [*status._details(reports[0])] == ["web1: disk: is full", "    → remove files"]
    assert [*status._details(reports[2])] == ["web3: Could not connect (timed out)"]


def test_the_doctor_shows_what_is_not_well() -> None:
    found = report.read("web1", answer(DOCTOR, 1))
    assert doctor._row(found) == ("web1", "https://omero.example.org/", "1", "0", "1")
    assert [*doctor._details(found)] == ["web1: error: clock: is late", "    → ntp"]


def test_json_has_a_schema_and_each_host_s_own_report(capsys: pytest.CaptureFixture[str]) -> None:
    report.print_json([report.read("a", answer(STATUS, 1)), Report("b", 2, {}, "no answer")])
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "exit_status": 2,
        "hosts": {
            "a": {"exit_status": 1, "report": STATUS},
            "b": {"exit_status": 2, "error": "no answer"},
        },
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
parts = st.dictionaries(
    st.sampled_from([*STATUS, *DOCTOR]), json_values | st.just([{"check": "\x1b[2J"}]), max_size=9
)


@given(output=st.text() | parts.map(json.dumps), code=st.none() | st.integers(0, 255))
def test_whatever_a_host_says_is_one_line_of_plain_text(output: str, code: int | None) -> None:
    found = report.read("web1", Answer(code, output))
    lines = [
        *status._row(found),
        *doctor._row(found),
        *status._details(found),
        *doctor._details(found),
    ]
    assert all(line.isprintable() for line in lines)
    assert report.worst([found]) >= 0


def test_a_plan_in_words() -> None:
    steps = ("Redis | Write configuration", "OMERO.web | Build release", "OMERO.web | Write files")
    changed = Plan("web1", steps, ("+ omero.web.page_size: (not set) → 50",), (), ())
    assert plan.text(changed).splitlines() == [
        "web1: 3 steps would change something",
        "  Redis: Write configuration",
        "  OMERO.web: Build release, Write files",
        "    + omero.web.page_size: (not set) → 50",
    ]
    same = Plan("web2", (), ("! omero.web.login_logo: set manually, kept",), (), ())
    assert not same.has_changes
    assert plan.text(same).startswith("web2: nothing would change\n")
    assert plan._summary("site.py", [changed, same]).startswith("1 of 2 hosts would change.")
