"""What changes and crashes cost visitors: the documented installation, and the bundle.

Visitors ask for the login page at a constant rate, by Debian's `hey` on a host of its own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.fleet import fleet
from benchmarks.ice_wheel import kept_wheel
from benchmarks.measurement import Measurement, Side
from benchmarks.terminal import run_alone
from tests.integration import load
from tests.integration.by_hand import omero, walkthrough
from tests.integration.hosts import Host, deploy, docker_inventory, wait_until
from tests.integration.images import ROOT, Kind
from tests.integration.site_checks import master

ONE = "one property"
PAGE = "omero.web.page_size"


def measured(
    source: Host, host: Host, what: str, change: Callable[[], object], side: Side = "bundle"
) -> Iterator[Measurement]:
    report = load.during(source, host, change)
    total = sum(report.answers.values()) + len(report.errors)
    yield Measurement(f"{what}: failed", side, report.failed, "requests")
    yield Measurement(f"{what}: all", side, total, "requests")
    yield Measurement(f"{what}: slowest answer", side, report.slowest, "s")


def changes(host: Host) -> Iterator[tuple[str, dict[str, Any]]]:
    lock = Path(tempfile.mkdtemp()) / "ours.txt"
    lock.write_text("# ours\n" + (ROOT / "app" / "requirements.txt").read_text())
    line = ["add_header X-Changed yes always;"]
    yield ONE, {"web_config": {PAGE: 77}}
    yield "number of workers", {"web_config": {"omero.web.wsgi_workers": 3}}
    yield "port", {"web_config": {"omero.web.application_server.port": 4091}}
    yield "NGINX", {"web_config": {"omero.web.nginx_server_extra_config": line}}
    yield "the unit", {"web_open_files": 70000}
    yield "another release", {"web_requirements": str(lock)}


def documented(source: Host, host: Host) -> Iterator[Measurement]:
    """As the walkthrough has it: another value, then the service again."""

    def changed() -> None:
        omero(host, "config", "set", "--", PAGE, "78")
        host.run("systemctl restart omero-web", timeout=300)

    yield from measured(source, host, f"systemd: {ONE}", changed, "documented")


def bundle(source: Host, host: Host, name: str) -> Iterator[Measurement]:
    for what, data in changes(host):
        text = docker_inventory(host, **data)
        yield from measured(source, host, f"{name}: {what}", lambda text=text: deploy(text))  # type: ignore[misc]

    def back() -> None:
        host.run("omeroweb-ops release rollback")

    yield from measured(source, host, f"{name}: rollback", back)

    def killed() -> None:
        host.kill(master(host))
        time.sleep(1)
        wait_until(lambda: host.run("omero web status"), 30, "a master")

    yield from measured(source, host, f"{name}: kill -9 of the master", killed)
    deploy(docker_inventory(host))
    host.run("omero web stop")
    began = time.monotonic()
    host.run("omero web start")
    took = time.monotonic() - began
    yield Measurement(f"{name}: start to the first login page", "bundle", took, "s")


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield what visitors meet during changes, on fresh hosts for each pair."""
    kinds: tuple[Kind, ...] = ("systemd", "plain")
    with fleet() as hosts:
        wheel = kept_wheel()
        source = hosts.make_host("plain", name="visitors")
        load.install(source)
        for _pair in range(pairs):
            with hosts.make_host("systemd") as host:
                walkthrough(host, wheel.parent)
                yield from documented(source, host)
            for kind in kinds:
                with hosts.make_host(kind) as host:
                    deploy(docker_inventory(host))
                    name = "systemd" if kind == "systemd" else "supervisor"
                    yield from bundle(source, host, name)


if __name__ == "__main__":
    run_alone(measure)
