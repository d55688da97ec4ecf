"""The steps of a deploy from a trace: together they are the whole run."""

from __future__ import annotations

import pytest

from benchmarks import steps
from benchmarks.trace import Call, Operation, Trace


def trace(slow: float = 3.0) -> Trace:
    """Two hosts; the operation `Install` is there twice, once on both hosts."""
    return Trace(
        python=0.1,
        imported=0.5,
        end=4.0 + slow,
        stages={"Connect": 0.6, "Prepare": 1.0, "Execute": 2.0},
        calls=[Call("a", "put_file", 1, 2), Call("a", "get_file", 2, 3), Call("b", "x", 1, 2)],
        operations=[
            Operation("a", "Install", "1", 2.0, 2.5),
            Operation("b", "Install", "1", 2.2, 3.0),
            Operation("a", "Install", "2", 3.0, 3.0 + slow),
            Operation("a", "Write", "3", 3.0 + slow, 3.1 + slow),
        ],
    )


def test_steps_are_the_whole_run() -> None:
    found = steps.steps(trace())
    assert found["Install"] == pytest.approx(1.0 + 3.0)
    assert found[steps.IMPORTS] == pytest.approx(0.4)
    assert found[steps.PREPARE] == pytest.approx(1.0)
    assert sum(found.values()) == pytest.approx(7.0)


def test_small_operations_are_shown_together() -> None:
    found = steps.largest([trace(), trace(5.0)], count=1)
    assert found["Install"] == [pytest.approx(4.0), pytest.approx(6.0)]
    assert found["1 other operations"] == [pytest.approx(0.1), pytest.approx(0.1)]
    assert [*found][-1] == steps.REST


def test_the_calls_of_a_host_are_those_of_the_busiest() -> None:
    assert trace().calls_per_host() == 2
