"""Where a deploy's time goes, from its traces."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from benchmarks.measurement import Measurement
from benchmarks.trace import Trace

LAUNCHER = "`./run`, and the start of Python"
IMPORTS = "imports of pyinfra"
CONNECT = "inventory, connection"
PREPARE = "survey, checks, preparation"
REST = "between operations, and the end"
OTHERS = "other operations"


def steps(trace: Trace) -> dict[str, float]:
    """Return the seconds of each step, in their order; together they are the whole run.

    An operation that several hosts execute counts from its first beginning to its last end.
    Operations with the same name count together.
    """
    prepare, execute = (trace.stages[name] for name in ("Prepare", "Execute"))
    found = {
        LAUNCHER: trace.python,
        IMPORTS: trace.imported - trace.python,
        CONNECT: prepare - trace.imported,
        PREPARE: execute - prepare,
    }
    spans: dict[str, tuple[str, float, float]] = {}
    for each in trace.operations:
        _name, begin, end = spans.get(each.key, (each.name, each.begin, each.end))
        spans[each.key] = (each.name, min(begin, each.begin), max(end, each.end))
    for name, begin, end in spans.values():
        found[name] = found.get(name, 0.0) + end - begin
    found[REST] = trace.end - sum(found.values())
    return found


def largest(traces: Sequence[Trace], count: int) -> dict[str, list[float]]:
    """Return the values of the stages and of the operations that take longest, and of the others.

    count: of operations. The values of a step are those of the traces, in their order.
    """
    each = [steps(trace) for trace in traces]
    stages = (LAUNCHER, IMPORTS, CONNECT, PREPARE, REST)
    names = [*dict.fromkeys(name for one in each for name in one)]
    medians = {name: statistics.median(one.get(name, 0.0) for one in each) for name in names}
    operations = sorted((n for n in names if n not in stages), key=medians.__getitem__)
    shown = {*stages, *operations[-count:]}
    found = {name: [one.get(name, 0.0) for one in each] for name in names if name in shown}
    last = found.pop(REST)
    if others := [name for name in operations if name not in shown]:
        title = f"{len(others)} {OTHERS}"
        found[title] = [sum(one.get(name, 0.0) for name in others) for one in each]
    return found | {REST: last}


def measurements(group: str, traces: Sequence[Trace], count: int = 16) -> Iterator[Measurement]:
    """Yield the table of where the time of these deploys goes."""
    for name, values in largest(traces, count).items():
        for value in values:
            yield Measurement(name, "bundle", value, "s", group)
