"""The parts of the benchmarks, and how they run."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from benchmarks import parts
from benchmarks.__main__ import main
from benchmarks.measurement import Measurement
from benchmarks.terminal import run


@pytest.mark.parametrize("part", parts.PARTS, ids=lambda part: part.name)
def test_a_part_has_a_function_that_yields_measurements(part: parts.Part) -> None:
    measure = part.load()
    assert inspect.isgeneratorfunction(measure)
    assert [*inspect.signature(measure).parameters] == ["pairs"]


def test_all_parts_run_but_those_that_must_be_named() -> None:
    names = [part.name for part in parts.choose(())]
    assert "deploy" in names and "source" not in names
    assert [part.name for part in parts.choose(("visits", "source"))] == ["source", "visits"]


def test_an_unknown_part_is_refused_with_those_that_exist() -> None:
    with pytest.raises(parts.UnknownPart, match=r"must be .*deploy.*, not depoly"):
        parts.choose(("depoly",))


def test_the_list_has_every_part() -> None:
    printed = CliRunner().invoke(main, ["--list"]).output
    assert [line.split()[0] for line in printed.splitlines()] == [p.name for p in parts.PARTS]


def test_progress_names_pair_side_and_value(capsys: pytest.CaptureFixture[str]) -> None:
    def measure(pairs: int) -> Iterator[Measurement]:
        for pair in range(pairs):
            yield Measurement("deploy", "bundle", pair + 1, "s")

    found = run("part", measure, 2)
    assert found.rows[0].bundle == (1, 2)
    assert "part 00:00 #2 bundle: deploy: 2 s" in capsys.readouterr().out
