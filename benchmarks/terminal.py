"""Run a part of the benchmarks, and print what it finds while it runs."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator

from benchmarks import machine, tables
from benchmarks.measurement import Measurement, rows
from benchmarks.results import PartResult

Measure = Callable[[int], Iterator[Measurement]]


def run(name: str, measure: Measure, pairs: int) -> PartResult:
    """Run a part, and print a line for each measurement, with the time since the part began."""
    described, commit, date = machine.describe(), machine.commit(), machine.today()
    began = time.monotonic()
    seen: Counter[tuple[str, str, str, float | None]] = Counter()
    found: list[Measurement] = []
    print(f"{name}: {pairs} pairs, {described}", flush=True)
    for each in measure(pairs):
        found.append(each)
        kind = (each.group, each.name, each.side, each.x)
        seen[kind] += 1
        print(f"{name} {elapsed(time.monotonic() - began)} {line(each, seen[kind])}", flush=True)
    took = time.monotonic() - began
    return PartResult(date, commit, described, pairs, took, tuple(rows(found)))


def elapsed(seconds: float) -> str:
    """Return minutes and seconds."""
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"


def line(each: Measurement, number: int) -> str:
    """Return the line of a measurement: its number among those of its kind comes first."""
    at = "" if each.x is None else f" at {each.x:g}"
    value = f"{tables.number(each.value)} {each.unit}"
    return f"#{number} {each.side}: {each.name}{at}: {value}"


def run_alone(measure: Measure) -> None:
    """Run a part that was started as a module, and print its tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=1, help="how many pairs (default: 1)")
    result = run("benchmark", measure, parser.parse_args().pairs)
    print(f"\n{tables.terminal(result)}")
