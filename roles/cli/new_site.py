"""The files of a new site: an inventory with comments, its secrets and a git repository."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .destination import SITE

SECRETS = "secrets.yml"
_IGNORED = f"""\
# Passwords and private keys stay out of git.
{SECRETS}
*.key

__pycache__/
pyinfra-debug.log
"""
_PORT = 4064  # of OMERO.server
_CONNECTORS = re.compile(r"@local|@docker/\S+")


@dataclass(frozen=True)
class NewSite:
    """What the administrator has answered. tls: as the setting nginx_tls has it."""

    host: str
    server: str
    server_name: str
    tls: str | dict[str, Any]

    @property
    def login(self) -> dict[str, str]:
        """The user before `@` in the host, as pyinfra takes it."""
        user, at, _ = self.host.rpartition("@")
        return {"ssh_user": user} if user and at else {}

    @property
    def address(self) -> str:
        """The host without the user."""
        return self.host if self.host.startswith("@") else self.host.rpartition("@")[2]

    @property
    def server_list(self) -> list[list[object]]:
        """The property omero.web.server_list."""
        host, port = _split(self.server)
        return [[host, port, "omero"]]


def _split(server: str) -> tuple[str, int]:
    """Return host and port of HOST, HOST:PORT or [IPV6]:PORT. Raises ValueError."""
    host, colon, port = server.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = server, str(_PORT)
    if not port.isdigit() or not host:
        raise ValueError(f"{server!r} is not HOST or HOST:PORT. Example: omero.example.org:4064")
    return host.strip("[]"), int(port)


def new_keys() -> dict[str, str]:
    """Return the content of a new secrets.yml."""
    return {
        "omero.web.secret_key": secrets.token_hex(32),
        "redis_password": secrets.token_hex(16),
    }


def mistakes(site: NewSite, folder: Path, keys: dict[str, str]) -> list[str]:
    """Return what a deploy would refuse, before anything is written."""
    from ..inventory import checks
    from ..inventory.member import Member
    from ..inventory.settings import read
    from ..inventory.site import Site

    found: list[object] = []
    data: dict[str, Any] = {"nginx_tls": site.tls}
    try:
        data["web_config"] = {"omero.web.server_list": site.server_list}
    except ValueError as error:
        found.append(f"--server: {error}")
    if site.server_name:
        data["nginx_server_name"] = site.server_name
    is_connector = site.address.startswith("@")
    if not is_connector:
        data["address"] = site.address
    elif not _CONNECTORS.fullmatch(site.address):
        found.append(f"--host: {site.address!r} must be @local, @docker/NAME or a host's name")
    settings, findings = read(data, folder)
    address = None if is_connector else site.address
    member = Member(site.address, frozenset({"redis", "web", "nginx"}), settings, address)
    findings += checks.errors(Site({member.name: member}, keys))
    return [f"  - {each}" for each in [*found, *findings]]


def write(folder: Path, site: NewSite, keys: dict[str, str]) -> None:
    """Write the files, which do not exist."""
    from ..operations.templates import environment

    templates = environment(__file__)
    templates.filters["python"] = _python
    text = templates.get_template("site.py.j2").render(
        name=folder.name,
        host=site.address,
        login=site.login,
        server_list=site.server_list,
        server_name=site.server_name,
        tls=site.tls,
    )
    folder.mkdir(parents=True, exist_ok=True)
    _create(folder / SECRETS, "".join(f'{name}: "{key}"\n' for name, key in keys.items()), 0o600)
    _create(folder / ".gitignore", _IGNORED, 0o644)
    _create(folder / SITE, text, 0o644)


def _create(path: Path, text: str, mode: int) -> None:
    """Write a new file. Raises FileExistsError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)


def _python(value: object) -> str:
    """Return a value as Python source, with double quotes if the text has none."""
    if isinstance(value, str) and not {'"', "\\"} & {*value}:
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_python(k)}: {_python(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_python, value)) + "]"
    return repr(value)


def commit(folder: Path) -> str:
    """Make the site's git repository with a first commit; return what is left to do."""

    def git(*words: str) -> int:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, check=False).returncode

    try:
        if git("init", "-q"):
            return "git init has failed: keep site.py under version control"
    except FileNotFoundError:
        return "git is not installed: keep site.py under version control"
    git("add", SITE, ".gitignore")
    if git("commit", "-q", "-m", "New site"):
        return f"git does not know your name: git -C {folder} commit"
    return ""
