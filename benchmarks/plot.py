"""Plots of results as SVG, readable in a light and in a dark theme.

The SVG is written by a template. A plotting library would make the environment of every
contributor larger, and colours that follow the reader's theme need a style sheet in the SVG.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks import axis
from benchmarks.measurement import SIDES, Row, Side

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 74, 700, 78, 340  # the area of the lines
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Plot:
    """What a plot shows. group: of the part's rows; "" for the only one. unit: of the rows."""

    name: str
    title: str
    part: str
    group: str
    x: str
    y: str
    unit: str
    is_x_logarithmic: bool = False
    is_y_logarithmic: bool = False

    @property
    def file(self) -> str:
        """The name of the SVG."""
        return f"benchmark-{self.name}.svg"


@dataclass(frozen=True)
class Series:
    """A line: its medians, with the smallest and the largest value at each position."""

    name: str
    points: tuple[tuple[float, float, float, float], ...]  # x, median, minimum, maximum


def series(rows: Sequence[Row], unit: str) -> list[Series]:
    """Return a line for each name and side of rows that have a position, documented sides first."""
    found: dict[tuple[str, Side], list[tuple[float, float, float, float]]] = {}
    for side in SIDES:
        for row in rows:
            summary = row.summary(side)
            if row.key.x is not None and row.key.unit == unit and summary:
                point = (row.key.x, summary.median, summary.minimum, summary.maximum)
                found.setdefault((row.key.name, side), []).append(point)
    return [Series(_name(key, found), tuple(sorted(points))) for key, points in found.items()]


def _name(key: tuple[str, Side], found: Collection[tuple[str, Side]]) -> str:
    """Return the line's name, with the side if there are two."""
    name, side = key
    if len({each for _name, each in found}) < 2:
        return name
    way = "documented way" if side == "documented" else "bundle"
    return f"{way}: {name}" if len({each for each, _side in found}) > 1 else way


def draw(plot: Plot, lines: Sequence[Series]) -> str:
    """Return the SVG. Raises ValueError if there is nothing to draw."""
    values = [point for line in lines for point in line.points]
    if not values:
        raise ValueError(f"{plot.name}: no values")
    x = _axis([each[0] for each in values], LEFT, RIGHT, plot.is_x_logarithmic)
    heights = [each for _x, *others in values for each in others]
    y = _axis(heights, BOTTOM, TOP, plot.is_y_logarithmic)
    template = _ENVIRONMENT.get_template("plot.svg.j2")
    area = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
    return template.render(
        plot=plot,
        width=WIDTH,
        height=HEIGHT,
        **area,
        x_ticks=[(x.position(each), axis.label(each)) for each in x.ticks()],
        y_ticks=[(y.position(each), axis.label(each)) for each in y.ticks()],
        lines=list(_lines(lines, x, y)),
    )


def _axis(values: Sequence[float], begin: float, end: float, is_logarithmic: bool) -> axis.Axis:
    make = axis.logarithmic if is_logarithmic else axis.linear
    return make(values, begin, end)


def _lines(lines: Sequence[Series], x: axis.Axis, y: axis.Axis) -> Iterator[dict[str, object]]:
    begin = float(LEFT)
    for line in lines:
        points = [
            (x.position(at), y.position(median), y.position(low), y.position(high))
            for at, median, low, high in line.points
        ]
        yield {"name": line.name, "points": points, "legend": begin}
        begin += 56 + 7.5 * len(line.name)
