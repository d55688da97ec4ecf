"""Measurements of a benchmark, and the median and spread of those of the same kind."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Side = Literal["documented", "bundle"]
SIDES: tuple[Side, ...] = ("documented", "bundle")
T = TypeVar("T")


@dataclass(frozen=True)
class Measurement:
    """One value, as a part of the benchmarks yields it.

    name: the row of the table. side: the documented way, or the bundle. unit: "s", "1/s", "bytes" …
    group: the table, if a part has several. x: the position on a plot's horizontal axis.
    """

    name: str
    side: Side
    value: float
    unit: str
    group: str = ""
    x: float | None = None


@dataclass(frozen=True)
class Key:
    """What measurements of the same kind have in common."""

    group: str
    name: str
    x: float | None
    unit: str


@dataclass(frozen=True)
class Summary:
    """The median and the spread of a side's values; count: how many there are."""

    median: float
    minimum: float
    maximum: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Summarize at least one value. Raises statistics.StatisticsError if there is none."""
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Row:
    """All values of a kind, by side."""

    key: Key
    documented: tuple[float, ...] = ()
    bundle: tuple[float, ...] = ()

    def summary(self, side: Side) -> Summary | None:
        """Summarize a side, or return None if the side has no value."""
        values = self.documented if side == "documented" else self.bundle
        return Summary.of(values) if values else None

    @property
    def ratio(self) -> float | None:
        """The bundle's median divided by the documented way's; None if it cannot be computed."""
        documented, bundle = self.summary("documented"), self.summary("bundle")
        if documented is None or bundle is None or not documented.median:
            return None
        return bundle.median / documented.median


def rows(measurements: Iterable[Measurement]) -> list[Row]:
    """Collect measurements into rows, in the order in which the kinds appeared first."""
    found: dict[Key, dict[Side, list[float]]] = {}
    for each in measurements:
        key = Key(each.group, each.name, each.x, each.unit)
        found.setdefault(key, {"documented": [], "bundle": []})[each.side].append(each.value)
    return [
        Row(key, tuple(sides["documented"]), tuple(sides["bundle"])) for key, sides in found.items()
    ]


def in_turn(pair: int, sides: Sequence[T]) -> Sequence[T]:
    """Return the sides of a pair, in the other order in every second pair.

    A load of the machine that grows or shrinks then meets both sides alike.
    """
    return sides if pair % 2 == 0 else sides[::-1]
