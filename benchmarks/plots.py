"""The plots of the documentation."""

from __future__ import annotations

from benchmarks.plot import Plot, draw, series
from benchmarks.results import Results

PLOTS = (
    Plot(
        "hosts",
        "Idle deploy over SSH: web hosts",
        "hosts",
        "idle deploy, measured",
        "web hosts",
        "seconds",
        "s",
    ),
    Plot(
        "hosts-simulated",
        "Idle deploy over SSH, simulated: hosts and latency",
        "hosts",
        "idle deploy, simulated, 40 hosts at once",
        "hosts (logarithmic), 40 at once",
        "seconds (logarithmic)",
        "s",
        is_x_logarithmic=True,
        is_y_logarithmic=True,
    ),
    Plot(
        "properties",
        "Properties that change: seconds until they are written",
        "properties",
        "",
        "properties",
        "seconds",
        "s",
    ),
    Plot(
        "session-files",
        "Expired session files: seconds until they are removed",
        "session-files",
        "",
        "files (logarithmic)",
        "seconds (logarithmic)",
        "s",
        is_x_logarithmic=True,
        is_y_logarithmic=True,
    ),
    Plot(
        "visitors",
        "Users who browse: 95 % of the answers come within",
        "visitors",
        "",
        "users at the same time",
        "milliseconds",
        "ms",
    ),
    Plot(
        "releases",
        "Releases deployed one after the other: size on the disk",
        "releases",
        "",
        "releases deployed",
        "megabytes",
        "MB",
    ),
)


def drawn(results: Results) -> dict[str, str]:
    """Return the SVG of each plot whose part has a result, by the name of its file."""
    found = {}
    for plot in PLOTS:
        if plot.part in results:
            lines = series(results[plot.part].group(plot.group), plot.unit)
            found[plot.file] = draw(plot, lines)
    return found
