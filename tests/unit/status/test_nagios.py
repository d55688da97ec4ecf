"""The line for Nagios and Icinga."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.shared.certificate import Certificate
from omeroweb_ops.status import nagios, warnings
from omeroweb_ops.status.model import Status, Unknown

from tests.unit.status.test_show import WELL

FIGURE = re.compile(r"\w+=\d+B?(;(\d+:?)?){0,3};?\d*")


def line(seen: Status) -> str:
    return nagios.as_line(seen, warnings.findings(seen))


def test_a_site_that_is_well() -> None:
    text, _, figures = line(WELL).partition(" | ")
    assert text == "OMEROWEB OK - OMERO.web serves"
    assert all(FIGURE.fullmatch(each) for each in figures.split())
    assert "workers=2;;;0" in figures.split()
    assert "certificate_days=61;21:;0:" in figures.split()


def test_warnings_and_errors() -> None:
    ending = replace(WELL, certificate=Certificate(days=3))
    assert line(ending).startswith("OMEROWEB WARNING - certificate: expires in 3 days")
    down = replace(ending, ready=Unknown("Connection | refused\nhere"), metrics=Unknown("x"))
    assert line(down).startswith("OMEROWEB CRITICAL - service: Connection / refused here | ")
    assert "certificate:" not in line(down)


@given(st.integers(0, 3), st.text())
def test_any_text_is_one_line_without_figures(status: int, text: str) -> None:
    shown = nagios.line(status, text)
    assert len(shown.splitlines()) == 1
    assert "|" not in shown
    assert len(shown) < 1024
