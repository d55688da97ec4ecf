"""What changes and crashes cost visitors: the documented installation, and the bundle.

Visitors ask for the login page at a constant rate, by Debian's `hey` on a host of its own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.ice_wheel import kept_wheel
from tests.integration import load
from tests.integration.by_hand import omero, walkthrough
from tests.integration.engine import ensure_engine
from tests.integration.hosts import Fleet, Host, deploy, docker_inventory, wait_until
from tests.integration.images import ROOT, Kind
from tests.integration.site_checks import master

PAGE = "omero.web.page_size"


def measured(source: Host, host: Host, what: str, change: Callable[[], object]) -> None:
    began = time.monotonic()
    report = load.during(source, host, change)
    seconds = time.monotonic() - began
    total = sum(report.answers.values()) + len(report.errors)
    print(
        f"{what:44} {report.failed:6} {total:7} {total / seconds:5.0f} {report.slowest:8.1f}",
        flush=True,
    )


def changes(host: Host) -> Iterator[tuple[str, dict[str, Any]]]:
    lock = Path(tempfile.mkdtemp()) / "ours.txt"
    lock.write_text("# ours\n" + (ROOT / "app" / "requirements.txt").read_text())
    line = ["add_header X-Changed yes always;"]
    yield "one property", {"web_config": {PAGE: 77}}
    yield "number of workers", {"web_config": {"omero.web.wsgi_workers": 3}}
    yield "port", {"web_config": {"omero.web.application_server.port": 4091}}
    yield "NGINX", {"web_config": {"omero.web.nginx_server_extra_config": line}}
    yield "the unit", {"web_open_files": 70000}
    yield "another release", {"web_requirements": str(lock)}


def documented(source: Host, host: Host) -> None:
    """As the walkthrough has it: another value, then the service again."""

    def changed() -> None:
        omero(host, "config", "set", "--", PAGE, "78")
        host.run("systemctl restart omero-web", timeout=300)

    measured(source, host, "by hand: one property", changed)


def bundle(source: Host, host: Host, name: str) -> None:
    for what, data in changes(host):
        text = docker_inventory(host, **data)
        measured(source, host, f"{name}: {what}", lambda text=text: deploy(text))  # type: ignore[misc]
    measured(source, host, f"{name}: rollback", lambda: host.run("omeroweb-ops release rollback"))

    def killed() -> None:
        host.kill(master(host))
        time.sleep(1)
        wait_until(lambda: host.run("omero web status"), 30, "a master")

    measured(source, host, f"{name}: kill -9 of the master", killed)
    deploy(docker_inventory(host))
    host.run("omero web stop")
    began = time.monotonic()
    host.run("omero web start")
    print(f"{name}: start to first 200: {time.monotonic() - began:.1f} s", flush=True)


def main() -> None:
    """Measure and print."""
    fleet = Fleet(ensure_engine(), Path(tempfile.mkdtemp()))
    try:
        wheel = kept_wheel()
        source = fleet.make_host("plain", name="visitors")
        load.install(source)
        print(f"{'':44} failed   total   1/s  slowest (s)")
        with fleet.make_host("systemd") as host:
            walkthrough(host, wheel.parent)
            documented(source, host)
        kinds: tuple[Kind, ...] = ("systemd", "plain")
        for kind in kinds:
            with fleet.make_host(kind) as host:
                deploy(docker_inventory(host))
                bundle(source, host, "systemd" if kind == "systemd" else "supervisor")
    finally:
        fleet.remove()


if __name__ == "__main__":
    main()
