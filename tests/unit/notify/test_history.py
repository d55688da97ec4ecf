"""When something is reported: properties of every sequence of findings."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.notify.history import DAY, FIRST_HOLD, History, advance
from omeroweb_ops.notify.report import Problem

ERROR, WARNING = Problem("error", "does not answer"), Problem("warning", "ends soon")
NAMES = st.sampled_from(["service", "certificate", "login"])
RUNS = st.lists(st.dictionaries(NAMES, st.sampled_from([ERROR, WARNING])), max_size=60)
INTERVAL = 300.0


def reports(runs: list[dict[str, Problem]]) -> list[tuple[str, str]]:
    """What is reported, in order: the name, and `new` or `well`."""
    history, told = History(), []
    for number, found in enumerate(runs):
        history, change = advance(history, found, number * INTERVAL)
        told += [(name, "new") for name in change.new] + [(name, "well") for name in change.well]
    return told


@given(RUNS)
def test_a_check_is_reported_well_only_after_it_was_reported_broken(
    runs: list[dict[str, Problem]],
) -> None:
    for name in ("service", "certificate", "login"):
        own = [kind for each, kind in reports(runs) if each == name]
        assert "well" not in own[:1]
        assert all(pair != ("well", "well") for pair in pairwise(own))


@given(RUNS)
def test_what_is_found_is_known(runs: list[dict[str, Problem]]) -> None:
    history = History()
    for number, found in enumerate(runs):
        history, _change = advance(history, found, number * INTERVAL)
        wrong = {name for name, each in history.known.items() if each.well_since is None}
        assert wrong == set(found)


@given(st.lists(st.booleans(), min_size=288, max_size=288))
def test_a_day_of_flapping_causes_few_messages(broken: list[bool]) -> None:
    told = reports([{"service": ERROR} if each else {} for each in broken])
    assert len(told) <= 12  # well for 0, 1, 2, 4, 8 h in between


def test_a_second_break_must_be_well_for_an_hour() -> None:
    history, _ = advance(History(), {"service": ERROR}, 0)
    history, change = advance(history, {}, 300)
    assert set(change.well) == {"service"}
    history, change = advance(history, {"service": ERROR}, 600)
    assert set(change.new) == {"service"}
    history, change = advance(history, {}, 900)
    assert not change
    history, change = advance(history, {}, 900 + FIRST_HOLD)
    assert set(change.well) == {"service"}
    _history, change = advance(history, {"service": ERROR}, 900 + FIRST_HOLD + 2 * DAY)
    assert change.new["service"].relapses == 0


def test_checks_that_did_not_run_are_not_well() -> None:
    history, _ = advance(History(), {"service": ERROR}, 0)
    history, change = advance(history, {"doctor": ERROR}, 300, complete=False)
    assert set(change.new) == {"doctor"}
    assert not change.well
    assert set(change.remaining) == {"service"}
