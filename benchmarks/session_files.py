"""A thousand to a million expired session files removed: by Django's command, and the bundle's."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.fleet import fleet
from benchmarks.measurement import SIDES, Measurement, in_turn
from benchmarks.sessions import COMMANDS, fill, session_host, times
from benchmarks.terminal import run_alone

COUNTS = (1_000, 10_000, 100_000, 1_000_000)


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield the seconds of removing so many files, which lie in memory."""
    with fleet() as hosts, session_host(hosts) as host:
        for pair in range(pairs):
            for count in COUNTS:
                for side in in_turn(pair, SIDES):
                    fill(host, count)
                    clock, _cores = times(host, COMMANDS[side])
                    yield Measurement("remove the files", side, clock, "s", x=count)


if __name__ == "__main__":
    run_alone(measure)
