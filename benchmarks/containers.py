"""A container's start with ten settings: the official image's way, and the bundle's.

The official image
(https://github.com/ome/omero-web-docker, startup/50-config.py) calls `omero config set` for each
variable and then `omero web start --foreground`. Both ways are measured in the bundle's image, on
the same machine.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import requests
from docker.models.containers import Container

from benchmarks.ice_wheel import kept_wheel
from benchmarks.measurement import Measurement, Side, in_turn
from benchmarks.terminal import run_alone
from tests.integration.container_images import build, copy_sources
from tests.integration.engine import ensure_engine

START = "start with ten settings, to the login page"
LIMIT = 300.0  # seconds
PORT = "4080/tcp"
LOGIN = "/webclient/login/"
VAR = "/opt/omero/web/OMERO.web/var"
OMERO = "/opt/omero/web/venv3/bin/omero"
TEN = {
    "omero.web.check_version": "false",
    "omero.web.chunk_size": "1000000",
    "omero.web.debug": "false",
    "omero.web.page_size": "100",
    "omero.web.ping_interval": "50000",
    "omero.web.server_list": '[["omero.example.org", 4064, "omero"]]',
    "omero.web.session_cookie_age": "3600",
    "omero.web.time_zone": "Europe/Berlin",
    "omero.web.ui.top_links": '[["Facility", "https://facility.example.org", {}]]',
    "omero.web.wsgi_workers": "3",
}


def variable(name: str) -> str:
    """Return the official image's variable for a property."""
    return "CONFIG_" + name.replace("_", "__").replace(".", "_")


def first_page(engine: docker.DockerClient, image: str, **options: Any) -> float:
    """Return the seconds from `docker run` to the first login page."""
    begun = time.monotonic()
    container: Container = engine.containers.create(image, ports={PORT: None}, **options)
    try:
        container.start()
        while True:
            container.reload()
            published = (container.ports.get(PORT) or [{}])[0].get("HostPort")
            try:
                found = requests.get(f"http://127.0.0.1:{published}{LOGIN}", timeout=5)
                if found.status_code == 200:
                    return time.monotonic() - begun
            except requests.RequestException:
                pass
            if container.status == "exited" or time.monotonic() - begun > LIMIT:
                raise SystemExit(container.logs(tail=20).decode())
            time.sleep(0.02)
    finally:
        container.remove(force=True, v=True)


def official_way(properties: Mapping[str, str]) -> list[str]:
    """Return the command that configures and starts as the official image does."""
    lines = [f"{OMERO} config set -- {name} '{value}'" for name, value in properties.items()]
    directories = " ".join(f"{VAR}/{name}" for name in ("grid", "log", "tmp", "sessions"))
    lines.insert(0, f"unset PYTHONSAFEPATH; export HOME=/tmp; mkdir -p {directories}")
    # one more call, as for the official image's own *.omero files; a start collects static files
    lines.append(
        "printf 'config set -- omero.web.%s\n' 'static_root /tmp/static' "
        f"'application_server.host 0.0.0.0' | {OMERO} load"
    )
    return ["/bin/sh", "-ec", "\n".join([*lines, f"exec {OMERO} web start --foreground"])]


def measure(pairs: int) -> Iterator[Measurement]:
    """Build the image of this project, and yield the seconds to the first login page."""
    engine = ensure_engine()
    with tempfile.TemporaryDirectory() as directory:
        copy_sources(Path(directory), kept_wheel())
        image = build(engine, Path(directory), "web")
    variables = {variable(name): value for name, value in TEN.items()}
    read_only = {"read_only": True, "tmpfs": {"/tmp": ""}, "cap_drop": ["ALL"]}
    ways: list[tuple[str, Side, dict[str, Any]]] = [
        (START, "documented", {"command": official_way(TEN)}),
        (START, "bundle", {"environment": variables}),
        (f"{START}, read-only root", "bundle", {"environment": variables, **read_only}),
    ]
    for pair in range(pairs):
        for name, side, options in in_turn(pair, ways):
            yield Measurement(name, side, first_page(engine, image, **options), "s")


if __name__ == "__main__":
    run_alone(measure)
