"""Compose, in the two versions that compose.yaml is for, as Debian has packaged them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.integration.engine import EngineUnavailable, as_root
from tests.integration.images import Suite, apt_sources, cache_folder
from tests.integration.session import locked

PLUGIN = "usr/libexec/docker/cli-plugins/docker-compose"
# docker-compose 1.29.2 is Python: its dependencies in Debian 12.
OF_PYTHON = (
    *("attr", "certifi", "chardet", "charset-normalizer", "distutils", "docker", "dockerpty"),
    *("docopt", "dotenv", "idna", "jsonschema", "pkg-resources", "pyrsistent", "requests", "six"),
    *("texttable", "urllib3", "websocket", "yaml"),
)


def compose_v2() -> list[str]:
    """Return the command of Compose v2, of Debian 13. Raises EngineUnavailable."""
    return [str(_extracted("trixie", "docker-compose") / PLUGIN)]


def compose_v1() -> list[str]:
    """Return the command of docker-compose 1.29.2, of Debian 12. Raises EngineUnavailable."""
    needed = (f"python3-{name}" for name in OF_PYTHON)
    folder = _extracted("bookworm", "docker-compose", *needed)
    libraries = f"PYTHONPATH={folder}/usr/lib/python3/dist-packages"
    return ["env", libraries, "/usr/bin/python3", str(folder / "usr/bin/docker-compose")]


def _extracted(suite: Suite, *packages: str) -> Path:
    """Return a directory with the content of a suite's packages; they are not installed."""
    folder = cache_folder("tools") / f"{packages[0]}-{suite}"
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            partial = folder.with_suffix(f".{os.getpid()}")
            _extract(suite, packages, partial)
            partial.rename(folder)
    return folder


def _extract(suite: Suite, packages: tuple[str, ...], folder: Path) -> None:
    apt = folder / "apt"
    (apt / "lists" / "partial").mkdir(parents=True)
    (apt / "cache" / "archives" / "partial").mkdir(parents=True)
    (apt / "sources.list").write_text("".join(apt_sources(suite)))
    options = {
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    for arguments in (["update"], ["download", *packages]):
        done = subprocess.run(
            as_root(*command, *arguments), cwd=apt, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise EngineUnavailable(f"{packages[0]} of {suite} cannot be had: {done.stderr}")
    for package in apt.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder], check=True)
