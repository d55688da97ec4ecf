"""Axes of a plot: where a value lies, and which values get a tick."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """An axis from low to high, drawn from begin to end (in user units of the SVG).

    A logarithmic axis needs values above 0.
    """

    low: float
    high: float
    begin: float
    end: float
    is_logarithmic: bool = False

    def position(self, value: float) -> float:
        """Return where a value lies."""
        low, high = self._scale(self.low), self._scale(self.high)
        share = (self._scale(value) - low) / (high - low)
        return round(self.begin + share * (self.end - self.begin), 1)

    def _scale(self, value: float) -> float:
        return math.log10(value) if self.is_logarithmic else value

    def ticks(self) -> list[float]:
        """Return the values that get a tick: powers of ten, or a round step."""
        if self.is_logarithmic:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1)]
        step = round_step(self.high - self.low)
        return [step * count for count in range(math.floor(self.high / step + 1e-9) + 1)]


def linear(values: Sequence[float], begin: float, end: float) -> Axis:
    """Return an axis from 0 to a round value that is at least the largest one."""
    largest = max(values) or 1.0
    step = round_step(largest)
    return Axis(0.0, math.ceil(largest / step - 1e-9) * step, begin, end)


def logarithmic(values: Sequence[float], begin: float, end: float) -> Axis:
    """Return an axis of whole powers of ten that holds all values.

    Raises ValueError if a value is not above 0.
    """
    if min(values) <= 0:
        raise ValueError(f"a logarithmic axis needs values above 0, not {min(values)}")
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    return Axis(10.0**low, 10.0 ** max(high, low + 1), begin, end, is_logarithmic=True)


def round_step(span: float) -> float:
    """Return 1, 2 or 5 times a power of ten, of which four to ten make the span."""
    power = 10.0 ** math.floor(math.log10(span / 4))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= span / 4 + 1e-12)


def label(value: float) -> str:
    """Return the text of a tick."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
