"""The table of docs/monitoring.md has each metric that the code has, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from omeroweb_ops.ops import nginx_status

from tests.documentation.blocks import ROOT

FAMILIES = {"Counter": "_total", "InfoMetricFamily": "_info"}  # what prometheus_client adds


def in_the_code() -> Iterator[str]:
    """Names in calls like `_gauge("workers", …)` and `Counter("omeroweb_…", …)`."""
    for path in (ROOT / "app/omeroweb_ops/ops").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            function, name = ast.unparse(node.func), node.args[0]
            if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                continue
            if function == "_gauge":
                yield f"omeroweb_{name.value}"
            elif re.fullmatch(r"omeroweb(_\w+)?", name.value) and function[0] != "_":
                yield name.value + FAMILIES.get(function, "")
    yield from clearsessions()
    yield from (f"omeroweb_nginx_{name}_total" for name in nginx_status.COUNTERS)


def clearsessions() -> Iterator[str]:
    """Names that the code makes of the keys of a dictionary."""
    from omeroweb_ops.ops import metrics

    last = {"time": "2026-11-25T03:17:02+01:00", "removed": 1, "kept": 1, "seconds": 1}
    for family in metrics.cleared({**last, "failed": None}):
        yield family.name


def in_the_table() -> Iterator[str]:
    text = (ROOT / "docs/monitoring.md").read_text("utf-8")
    (table,) = re.findall(r"^\| metric \| meaning \|\n\|---\|---\|\n(.*?)\n\n", text, re.M | re.S)
    for row in table.splitlines():
        names = re.sub(r"\(.*?\)", "", row.split("|")[1])  # without the values of a label
        first, *others = re.findall(r"`(\w+)`", names)
        yield first
        for other in others:  # `_kept` stands for `omeroweb_clearsessions_kept`
            prefix = first.removesuffix("_timestamp_seconds") if other.startswith("_") else ""
            yield prefix + other


def test_the_table_has_each_metric_once() -> None:
    assert sorted(in_the_table()) == sorted({*in_the_code()})
