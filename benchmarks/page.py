"""The pages that show results: tables between markers, and plots. They follow from stored results.

A page has a marker, the table, and a marker of the end:

    <!-- benchmark: PART -->
    <!-- benchmark: PART: GROUP -->
    <!-- benchmark: plot NAME -->
    <!-- benchmark: summary -->
    <!-- end of benchmark -->
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import plots, summary, tables
from benchmarks.results import PartResult, Results, load

DOCS = Path(__file__).parents[1] / "docs"
RESULTS = DOCS / "benchmarks.json"
NAMES = ("benchmarks.md", "several-hosts.md", "../README.md")
_END = "<!-- end of benchmark -->"
_BLOCK = re.compile(rf"<!-- benchmark: (.+?) -->\n.*?{_END}", re.S)


def pages() -> dict[str, str]:
    """Return the text of each page and plot in docs, by its name, as stored results mean it."""
    results = load(RESULTS)
    texts = {name: update((DOCS / name).read_text("utf-8"), results) for name in NAMES}
    return texts | {f"pictures/{name}": svg for name, svg in plots.drawn(results).items()}


def write() -> None:
    """Write the pages and plots."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")


def write_alone(directory: Path) -> None:
    """Write all tables and plots of a directory's results beside them."""
    results = load(directory / "benchmarks.json")
    sections = [
        f"## {name}\n\n{conditions(result)}\n\n{tables.terminal(result)}\n"
        for name, result in results.items()
    ]
    (directory / "benchmarks.md").write_text("# Benchmarks\n\n" + "\n".join(sections), "utf-8")
    for name, svg in plots.drawn(results).items():
        (directory / name).write_text(svg, "utf-8")


def update(text: str, results: Results) -> str:
    """Return a page with the tables of the results; a part without a result keeps its text."""

    def replace(found: re.Match[str]) -> str:
        table = _table(found[1], results)
        if table is None:
            return found[0]
        return f"<!-- benchmark: {found[1]} -->\n\n{table.strip()}\n\n{_END}"

    return _BLOCK.sub(replace, text)


def _table(name: str, results: Results) -> str | None:
    if name == "summary":
        return summary.table(results)
    if name.startswith("plot "):
        return _image(name.removeprefix("plot "), results)
    part, _colon, group = name.partition(": ")
    if part not in results:
        return None
    result = results[part]
    rows = result.group(group)
    if not rows:
        return None
    return f"{tables.markdown(rows)}\n\n{conditions(result)}"


def _image(name: str, results: Results) -> str | None:
    (plot,) = (each for each in plots.PLOTS if each.name == name)
    if plot.part not in results:
        return None
    return f"![{plot.title}](pictures/{plot.file})"


def conditions(result: PartResult) -> str:
    """Return when, from what and where a part was measured."""
    pairs = f"{result.pairs} pairs" if result.pairs != 1 else "1 pair"
    return f"{result.date}, commit {result.commit}, {pairs}; {result.machine}."
