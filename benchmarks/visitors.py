"""One to two hundred users who are logged in and browse: the documented way, and the bundle."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from benchmarks.measurement import SIDES, Measurement, in_turn
from benchmarks.terminal import run_alone
from benchmarks.users import browse, sites

COUNTS = (1, 10, 50, 100, 200)
SECONDS = 40  # the first users / 5 seconds are the time in which they log in


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield within what time 95 % of the answers come, and how many fail, on two sites."""
    with sites() as (locust, make), contextlib.ExitStack() as stack:
        hosts = {side: stack.enter_context(make(side)) for side in SIDES}
        for host in hosts.values():
            browse(locust, host, 10, 20)  # the workers import what the pages need
        for pair in range(pairs):
            for count in COUNTS:
                for side in in_turn(pair, SIDES):
                    found = browse(locust, hosts[side], count, SECONDS)
                    yield Measurement("95 % of answers within", side, found.p95, "ms", x=count)
                    yield Measurement("failed requests", side, found.failures, "requests", x=count)


if __name__ == "__main__":
    run_alone(measure)
