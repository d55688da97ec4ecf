"""What stays on the disk of a host as one release follows another."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from omeroweb_ops.locations import RELEASES

from benchmarks.fleet import fleet
from benchmarks.measurement import Measurement
from benchmarks.terminal import run_alone
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT

COUNT = 6
_DISK = "du -sm --total {directory} 2> /dev/null | tail -n 1 | cut -f 1"


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield megabytes and seconds of each of several releases, one after the other, on one host.

    The documented way has one virtualenv, which pip changes; its size is that of one release.
    """
    lock = (ROOT / "app" / "requirements.txt").read_text()
    for _pair in range(pairs):
        with fleet() as hosts, hosts.make_host("plain") as host:
            for number in range(1, COUNT + 1):
                path = Path(tempfile.mkdtemp()) / "lock.txt"
                path.write_text(f"# {number}\n{lock}")
                done = deploy(docker_inventory(host, web_requirements=str(path)))
                yield Measurement("size of all releases", "bundle", _size(host), "MB", x=number)
                yield Measurement("seconds of the deploy", "bundle", done.seconds, "s", x=number)


def _size(host: Host) -> float:
    return float(host.run(_DISK.format(directory=RELEASES)).stdout)


if __name__ == "__main__":
    run_alone(measure)
