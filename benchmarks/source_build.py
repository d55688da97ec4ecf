"""A first deploy on a machine that has kept no zeroc-ice wheel: it is compiled on the host.

The documented way has no value: zeroc-ice 3.6.5 as the package index has it does not compile with
Python 3.11 or newer (docs/zeroc-ice.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from benchmarks.fleet import fleet, traced
from benchmarks.measurement import Measurement
from benchmarks.terminal import run_alone
from tests.integration.hosts import docker_inventory


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield the seconds of first deploys; each has a cache of its own, which is empty."""
    with fleet() as hosts:
        for _pair in range(pairs):
            with hosts.make_host("plain") as host, tempfile.TemporaryDirectory() as cache:
                took, _trace = traced(docker_inventory(host), env={"XDG_CACHE_HOME": cache})
                yield Measurement("first deploy, zeroc-ice from source", "bundle", took, "s")


if __name__ == "__main__":
    run_alone(measure)
