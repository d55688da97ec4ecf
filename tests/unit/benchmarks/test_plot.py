"""The plots: axes, and an SVG that is well-formed, small and readable in both themes."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks import axis, page, plots
from benchmarks.measurement import Measurement, rows
from benchmarks.plot import Plot, draw, series
from benchmarks.results import load

SVG = "{http://www.w3.org/2000/svg}"
PLOT = Plot("a", "A & B", "part", "", "files (logarithmic)", "seconds", "s", is_x_logarithmic=True)
MEASURED = [
    Measurement("remove", "documented", 1.0, "s", x=1000),
    Measurement("remove", "documented", 3.0, "s", x=1000),
    Measurement("remove", "documented", 50.0, "s", x=1_000_000),
    Measurement("remove", "bundle", 0.5, "s", x=1000),
    Measurement("remove", "bundle", 7.0, "s", x=1_000_000),
    Measurement("files left", "bundle", 0, "files", x=1000),
]


def test_lines_are_the_medians_with_their_spread() -> None:
    documented, bundle = series(rows(MEASURED), "s")
    assert documented.name == "documented way"
    assert documented.points == ((1000, 2.0, 1.0, 3.0), (1_000_000, 50.0, 50.0, 50.0))
    assert bundle.name == "bundle"


def test_the_svg_has_both_axes_with_units_and_a_line_for_each_side() -> None:
    svg = draw(PLOT, series(rows(MEASURED), "s"))
    root = ElementTree.fromstring(svg)
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"A & B", "files (logarithmic)", "seconds", "documented way", "bundle"} <= {*texts}
    assert {"1k", "1M", "0", "50"} <= {*texts}
    assert len([*root.iter(f"{SVG}circle")]) == 4
    assert "prefers-color-scheme: dark" in svg
    assert len(svg) < 30_000


def test_points_lie_where_the_axes_say() -> None:
    svg = draw(PLOT, series(rows(MEASURED), "s"))
    circles = [*ElementTree.fromstring(svg).iter(f"{SVG}circle")]
    x = axis.logarithmic([1000, 1_000_000], 74, 700)
    y = axis.linear([50.0], 340, 78)
    assert (circles[1].get("cx"), circles[1].get("cy")) == (
        str(x.position(1_000_000)),
        str(y.position(50.0)),
    )


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        draw(PLOT, [])


def test_an_axis_of_logarithms_needs_values_above_zero() -> None:
    with pytest.raises(ValueError, match="above 0, not 0"):
        axis.logarithmic([0, 10], 0, 100)


def test_a_linear_axis_begins_at_zero_and_has_round_ticks() -> None:
    found = axis.linear([3.0, 47.0], 0, 100)
    assert (found.low, found.high) == (0, 50)
    assert found.ticks() == [0, 10, 20, 30, 40, 50]
    assert found.position(25) == 50


def test_a_logarithmic_axis_has_powers_of_ten() -> None:
    found = axis.logarithmic([20, 5000], 0, 300)
    assert found.ticks() == [10, 100, 1000, 10000]
    assert found.position(100) == 100


def test_stored_plots_are_well_formed_and_small() -> None:
    stored = load(page.RESULTS)
    drawn = plots.drawn(stored)
    assert len(drawn) == len([plot for plot in plots.PLOTS if plot.part in stored])
    for svg in drawn.values():
        ElementTree.fromstring(svg)
        assert len(svg) < 30_000
