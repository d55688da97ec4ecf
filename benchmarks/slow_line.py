"""A first deploy over a slow line to the host: the documented way, and the bundle over SSH."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.deploy import FIRST, by_hand
from benchmarks.fleet import fleet, seconds, traced
from benchmarks.ice_wheel import kept_wheel
from benchmarks.line import slow_line
from benchmarks.measurement import SIDES, Measurement, in_turn
from benchmarks.terminal import run_alone
from tests.integration.hosts import ssh_inventory

RATE, LATENCY = 20.0, 40.0  # Mbit/s, ms


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield the seconds of first deploys; packages and uploads come over the slow line."""
    with fleet() as hosts:
        wheel = kept_wheel()
        for pair in range(pairs):
            for side in in_turn(pair, SIDES):
                with hosts.make_host("ssh") as host, slow_line(host, RATE, LATENCY) as limit:
                    if side == "documented":
                        took = seconds(lambda host=host: by_hand(host, wheel))  # type: ignore[misc]
                    else:
                        site = ssh_inventory(host, hosts.key, web_ice_wheel=str(wheel))
                        took, _trace = traced(site)
                    yield Measurement(f"{FIRST}, {limit}", side, took, "s")


if __name__ == "__main__":
    run_alone(measure)
