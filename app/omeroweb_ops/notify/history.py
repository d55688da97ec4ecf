"""Decide what to report, from what was known before and what the doctor finds now. Pure.

A problem is reported when it is found, and again when it is well. A check that breaks again within
a day is well only after some time without a problem, which doubles each time: so a flapping check
causes a few messages a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .report import Problem

FIRST_HOLD = 3600.0  # seconds that a check which has broken again must be well
DAY = 86400.0


@dataclass(frozen=True)
class Known:
    """A problem that was reported.

    since: when it was first found. well_since: since when it is not found any more. relapses: how
    often the check was well in between, within a day each. Times are in seconds since 1970.
    """

    problem: Problem
    since: float
    well_since: float | None = None
    relapses: int = 0

    @property
    def hold(self) -> float:
        """The seconds that the check must be well before that is reported."""
        return min(FIRST_HOLD * 2 ** (self.relapses - 1), DAY) if self.relapses else 0.0


@dataclass(frozen=True)
class Relapse:
    """How often a check was reported well, and the last time."""

    count: int
    at: float


@dataclass(frozen=True)
class History:
    """The problems that were reported, and the relapses of checks that are well, by their names."""

    known: Mapping[str, Known] = field(default_factory=dict)
    relapses: Mapping[str, Relapse] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What to report: new problems, checks that are well again, and problems that remain."""

    new: Mapping[str, Known] = field(default_factory=dict)
    well: Mapping[str, Known] = field(default_factory=dict)
    remaining: Mapping[str, Known] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.new or self.well)


def is_new(history: History, name: str, problem: Problem) -> bool:
    """Return whether a problem was not reported, or only as a warning before it was an error."""
    known = history.known.get(name)
    return known is None or (known.problem.status, problem.status) == ("warning", "error")


def advance(
    history: History, found: Mapping[str, Problem], now: float, *, complete: bool = True
) -> tuple[History, Change]:
    """Return the next history, and what to report.

    complete: whether every check has run. If not, the checks that are not found are not known.
    """
    relapses = {
        name: each for name, each in history.relapses.items() if now - each.at < DAY
    }  # the others are forgotten
    known, new = dict(history.known), {}
    for name, problem in found.items():
        known[name] = _found(history.known.get(name), relapses.get(name), problem, now)
        if is_new(history, name, problem):
            new[name] = known[name]
    well = {}
    for name in sorted(known.keys() - found.keys()) if complete else ():
        since = known[name].well_since
        known[name] = replace(known[name], well_since=now if since is None else since)
        if now - (known[name].well_since or now) >= known[name].hold:
            well[name] = known.pop(name)
            relapses[name] = Relapse(well[name].relapses, now)
    remaining = {name: each for name, each in known.items() if name not in new}
    return History(known, relapses), Change(new, well, remaining)


def _found(before: Known | None, last: Relapse | None, problem: Problem, now: float) -> Known:
    if before is not None:
        return replace(before, problem=problem, well_since=None)
    return Known(problem, now, relapses=last.count + 1 if last else 0)


def unconfirmed(history: History, found: Mapping[str, Problem]) -> set[str]:
    """Return the names of problems that must be found twice before they are reported."""
    return {name for name, problem in found.items() if is_new(history, name, problem)}
