"""Fifty users log in and browse for two minutes: the documented installation, and the bundle.

OMERO.server is the tests' stand-in, on a host of its own. Both sites have their default settings.
"""

from __future__ import annotations

import csv
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from benchmarks.ice_wheel import kept_wheel
from tests.integration.by_hand import omero, walkthrough
from tests.integration.engine import ensure_engine
from tests.integration.hosts import Fleet, Host, deploy, docker_inventory
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


def browse(locust: Path, host: Host) -> Report:
    """Let the users browse a site."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [locust, "-f", HERE / "locustfile.py", "--headless", "--only-summary", "-u", str(USERS),
             "-r", str(PER_SECOND), "-t", f"{SECONDS}s", "-H", f"http://{host.ip}",
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


def measure(locust: Path, host: Host, what: str) -> None:
    """Print a line about each of two minutes."""
    for minute in ("first", "second"):
        before = int(host.run(_MEMORY).stdout)
        found = browse(locust, host)
        time.sleep(10)  # the last requests have ended
        after = int(host.run(_MEMORY).stdout)
        print(
            f"{what + ', ' + minute + ' minute':24} {found.requests:9} {found.failures:8} "
            f"{found.p50:9.0f} {found.p95:6.0f} {found.p99:6.0f} {before:10} {after:6}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    fleet = Fleet(ensure_engine(), Path(tempfile.mkdtemp()))
    try:
        wheel = kept_wheel()
        locust = install(Path(tempfile.mkdtemp()))
        server_host = fleet.make_host("plain", name="omero")
        deploy(docker_inventory(server_host))
        server_host.run("supervisorctl stop all")
        with omero_server(server_host) as server:
            print(
                f"{'':24} {'requests':>9} {'failures':>8} {'p50 (ms)':>9} {'p95':>6} {'p99':>6} "
                f"{'before (MB)':>11} {'after':>5}"
            )
            with fleet.make_host("systemd") as host:
                walkthrough(host, wheel.parent)
                listed = f'[["{server.address}", 4064, "omero"]]'
                omero(host, "config", "set", "--", "omero.web.server_list", listed)
                host.run("systemctl restart omero-web", timeout=300)
                measure(locust, host, "by hand")
            with fleet.make_host("systemd") as host:
                config = {"omero.web.server_list": server.server_list}
                deploy(docker_inventory(host, web_config=config))
                measure(locust, host, "bundle")
    finally:
        fleet.remove()


if __name__ == "__main__":
    main()
