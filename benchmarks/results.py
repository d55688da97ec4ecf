"""Results of the benchmarks as JSON: each part with its date, commit and machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine
from benchmarks.measurement import SIDES, Key, Row, Summary

SCHEMA = 1  # increase with a change that a reader of the older form would misread


class UnknownSchema(ValueError):
    """A file has another version of the schema than this code."""


@dataclass(frozen=True)
class PartResult:
    """What one run of a part found. pairs: as asked for. seconds: of the run."""

    date: str
    commit: str
    machine: Machine
    pairs: int
    seconds: float
    rows: tuple[Row, ...]

    def group(self, name: str) -> tuple[Row, ...]:
        """Return the rows of a table."""
        return tuple(row for row in self.rows if row.key.group == name)

    def groups(self) -> list[str]:
        """Return the names of the tables, in their order."""
        return [*dict.fromkeys(row.key.group for row in self.rows)]


Results = Mapping[str, PartResult]


def dump(results: Results) -> str:
    """Return the results as JSON, with medians and spread for readers that do not compute them."""
    parts = {name: _part_as_json(result) for name, result in sorted(results.items())}
    return json.dumps({"schema": SCHEMA, "parts": parts}, indent=1) + "\n"


def parse(text: str) -> dict[str, PartResult]:
    """Read what dump() returned. Raises UnknownSchema for another version."""
    content = json.loads(text)
    if content.get("schema") != SCHEMA:
        raise UnknownSchema(f"schema must be {SCHEMA}, not {content.get('schema')}")
    return {name: _part(each) for name, each in content["parts"].items()}


def load(path: Path) -> dict[str, PartResult]:
    """Read a file; a missing one has no results."""
    return parse(path.read_text("utf-8")) if path.exists() else {}


def _part_as_json(result: PartResult) -> dict[str, Any]:
    return {
        "date": result.date,
        "commit": result.commit,
        "machine": result.machine.as_json(),
        "pairs": result.pairs,
        "seconds": round(result.seconds),
        "rows": [_row_as_json(row) for row in result.rows],
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"name": row.key.name, "unit": row.key.unit}
    if row.key.group:
        found["group"] = row.key.group
    if row.key.x is not None:
        found["x"] = row.key.x
    for side in SIDES:
        values = row.documented if side == "documented" else row.bundle
        if values:
            found[side] = _side_as_json(values)
    return found


def _side_as_json(values: tuple[float, ...]) -> dict[str, Any]:
    summary = Summary.of(values)
    return {
        "median": _rounded(summary.median),
        "min": _rounded(summary.minimum),
        "max": _rounded(summary.maximum),
        "values": [_rounded(value) for value in values],
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}") if abs(value) < 10_000 else round(value)


def _part(content: Mapping[str, Any]) -> PartResult:
    return PartResult(
        content["date"],
        content["commit"],
        Machine(**content["machine"]),
        content["pairs"],
        content["seconds"],
        tuple(_row(each) for each in content["rows"]),
    )


def _row(content: Mapping[str, Any]) -> Row:
    key = Key(content.get("group", ""), content["name"], content.get("x"), content["unit"])
    documented, bundle = (
        tuple(content.get(side, {}).get("values", ())) for side in ("documented", "bundle")
    )
    return Row(key, documented, bundle)
