"""A container's start with ten settings: the official image's way, and the bundle's.

`docker compose build`, then `./run python -m benchmarks.containers`. The official image
(https://github.com/ome/omero-web-docker, startup/50-config.py) calls `omero config set` for each
variable and then `omero web start --foreground`. Both ways are measured in the bundle's image, on
the same machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

import docker
import requests
from docker.models.containers import Container

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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A container's start with ten settings.")
    parser.add_argument("--image", default="omero-web", help="the web image (default: omero-web)")
    image = parser.parse_args().image
    engine = docker.from_env()
    variables = {variable(name): value for name, value in TEN.items()}
    ways: dict[str, dict[str, Any]] = {
        "omero config set, each; omero web start": {"command": official_way(TEN)},
        "bundle": {"environment": variables},
        "bundle, read-only root": {
            "environment": variables,
            "read_only": True,
            "tmpfs": {"/tmp": ""},
            "cap_drop": ["ALL"],
        },
    }
    print(f"{'ten settings, seconds to the first login page':50} {'seconds':>8} {'ratio':>6}")
    slowest = None
    for what, options in ways.items():
        seconds = first_page(engine, image, **options)
        slowest = slowest or seconds
        print(f"{what:50} {seconds:8.2f} {seconds / slowest:6.3f}", flush=True)


if __name__ == "__main__":
    main()
