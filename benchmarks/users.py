"""Fifty users log in and browse for two minutes: the documented installation, and the bundle.

OMERO.server is the tests' stand-in, on a host of its own. Both sites have their default settings.
"""

from __future__ import annotations

import contextlib
import csv
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from benchmarks.fleet import fleet
from benchmarks.ice_wheel import kept_wheel
from benchmarks.measurement import SIDES, Measurement, Side, in_turn
from benchmarks.terminal import run_alone
from tests.integration.by_hand import omero, walkthrough
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.omero_server import ADA, omero_server

USERS, PER_SECOND, SECONDS = 50, 5, 60
HERE = Path(__file__).parent
# Proportional set size of gunicorn's processes, in MB: what they share is counted once.
_MEMORY = (
    "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2> /dev/null | "
    "grep -q 'gunicorn.*omeroweb[.]wsgi' && grep -s ^Pss: $p/smaps_rollup; done | "
    "awk '{sum += $2} END {print int(sum / 1024)}'"
)


@dataclass(frozen=True)
class Report:
    """What the users met. p50, p95, p99: milliseconds."""

    requests: int
    failures: int
    p50: float
    p95: float
    p99: float


def install(folder: Path) -> Path:
    """Make a virtualenv with locust; returns its command."""
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", folder / "venv"], check=True)
    python = str(folder / "venv/bin/python")
    lock = str(HERE / "requirements.txt")
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", lock], check=True
    )
    return folder / "venv/bin/locust"


def browse(locust: Path, host: Host, users: int = USERS, duration: int = SECONDS) -> Report:
    """Let users browse a site, for a duration in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [locust, "-f", HERE / "locustfile.py", "--headless", "--only-summary", "-u", str(users),
             "-r", str(PER_SECOND), "-t", f"{duration}s", "-H", f"http://{host.ip}",
             "--csv", f"{folder}/users", "--exit-code-on-error", "0"],
            env={
                **os.environ,
                "BENCHMARK_USER": ADA.name,
                "BENCHMARK_PASSWORD": ADA.password,
                "NO_PROXY": "*",
                "no_proxy": "*",
            },
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with Path(folder, "users_stats.csv").open(encoding="utf-8") as file:
            (whole,) = [row for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    return Report(
        int(whole["Request Count"]),
        int(whole["Failure Count"]),
        *(float(whole[each]) for each in ("50%", "95%", "99%")),
    )


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield what fifty users meet in two minutes on fresh installations of both ways."""
    with sites() as (locust, make):
        for pair in range(pairs):
            for side in in_turn(pair, SIDES):
                with make(side) as host:
                    for minute in ("first minute", "second minute"):
                        yield from _minute(locust, host, side, minute)


def _minute(locust: Path, host: Host, side: Side, minute: str) -> Iterator[Measurement]:
    found = browse(locust, host)
    time.sleep(10)  # the last requests have ended
    yield Measurement(f"{minute}: requests", side, found.requests, "requests")
    yield Measurement(f"{minute}: failures", side, found.failures, "requests")
    for share, value in (("half", found.p50), ("95 %", found.p95), ("99 %", found.p99)):
        yield Measurement(f"{minute}: {share} of answers within", side, value, "ms")
    yield Measurement(f"{minute}: memory afterwards", side, memory(host), "MB")


def memory(host: Host) -> int:
    """Return the memory of gunicorn's processes in MB; memory that they share counts once."""
    return int(host.run(_MEMORY).stdout)


@contextlib.contextmanager
def sites() -> Iterator[tuple[Path, Callable[[Side], AbstractContextManager[Host]]]]:
    """Start a stand-in for OMERO.server; yield locust, and what makes a site of either side."""
    with fleet() as hosts:
        wheel = kept_wheel()
        locust = install(Path(tempfile.mkdtemp()))
        server_host = hosts.make_host("plain", name="omero")
        deploy(docker_inventory(server_host))
        server_host.run("supervisorctl stop all")
        with omero_server(server_host) as server:

            @contextlib.contextmanager
            def make(side: Side) -> Iterator[Host]:
                with hosts.make_host("systemd") as host:
                    if side == "documented":
                        walkthrough(host, wheel.parent)
                        listed = f'[["{server.address}", 4064, "omero"]]'
                        omero(host, "config", "set", "--", "omero.web.server_list", listed)
                        host.run("systemctl restart omero-web", timeout=300)
                    else:
                        config = {"omero.web.server_list": server.server_list}
                        deploy(docker_inventory(host, web_config=config))
                    yield host

            yield locust, make


if __name__ == "__main__":
    run_alone(measure)
