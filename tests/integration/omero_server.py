"""The stand-in for OMERO.server on a test host: start, stop, restart, and what it was asked.

It runs in the Python of the release that a deploy has left there, which has omero-py and Ice.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.certificates import issue
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host
from tests.integration.images import ROOT

PORT = 4064
FOLDER = "/srv/omero-stand-in"
LOG = "/run/omero-stand-in.log"
CALLS = "/run/omero-stand-in.json"
PROCESS = "tests.omero_stand_in"
_LOGIN = """
import sys, omero
client = omero.client(sys.argv[1], int(sys.argv[2]))
session = client.createSession(sys.argv[3], sys.argv[4])
print(session.getAdminService().getEventContext().userName)
print(client.ic.getDefaultRouter().ice_getConnection().type())
client.closeSession()
"""


@dataclass(frozen=True)
class User:
    """Who may log in, and the name that the pages show."""

    name: str
    password: str
    full_name: str
    group: str = "lab"

    @property
    def option(self) -> str:
        """As the stand-in's command line has it."""
        return f"{self.name}:{self.password}:{self.group}:{self.full_name}"


ADA = User("ada", "secret-of-ada", "Ada Lovelace")
BOB = User("bob", "secret-of-bob", "Bob Builder", group="works")


@dataclass
class OmeroServer:
    """One on a host. options: of the command line, without their dashes, as `file_size`."""

    host: Host
    users: tuple[User, ...] = (ADA, BOB)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The name under which other hosts reach it."""
        return self.host.alias

    @property
    def server_list(self) -> list[list[Any]]:
        """For the property omero.web.server_list."""
        return [[self.address, PORT, "omero"]]

    def start(self, **options: Any) -> None:
        """Start it and wait until it listens. options: they stay for later starts."""
        self.options.update(options)
        given = {"port": PORT, "calls": CALLS, "certificate": f"{FOLDER}/omero.pem", **self.options}
        command = ["/opt/omero/web/venv3/bin/python", "-m", PROCESS]
        command += [f"--user={each.option}" for each in self.users]
        command += [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
        self.host.run(f"setsid {shlex.join(command)} > {LOG} 2>&1 &", cwd=FOLDER)
        self.host.wait_until(lambda: "listening" in self.log(), 20, "the stand-in")

    def stop(self) -> None:
        """Stop it; its sessions are forgotten."""
        pids = self._pids()
        if pids:
            self.host.kill(*pids, signal="TERM")
            self.host.wait_until(lambda: not self._pids(), 20, "the end of the stand-in")

    def restart(self, **options: Any) -> None:
        """Stop it and start it, perhaps as another version."""
        self.stop()
        self.start(**options)

    def calls(self) -> dict[str, dict[str, int]]:
        """How often each operation was called since the start: `calls`, `not_implemented`."""
        self.host.run(f"rm -f {CALLS}")
        self.host.kill(*self._pids(), signal="USR1")
        self.host.wait_until(lambda: self.host.exists(CALLS), 10, "the list of calls")
        return dict(json.loads(self.host.read(CALLS)))

    def log(self) -> str:
        """What it has printed."""
        return self.host.read(LOG)

    def _pids(self) -> list[int]:
        found = self.host.processes(PROCESS)
        return [each.pid for each in found if "python" in each.cmdline.split()[0]]


def client_login(url: str, port: int, name: str, password: str) -> list[str]:
    """Return the command of an OMERO client that logs in and makes a call in its session.

    It prints the user's name, and the kind of the connection: ssl, ws or wss.
    """
    return ["/opt/omero/web/venv3/bin/python", "-c", _LOGIN, url, str(port), name, password]


@contextlib.contextmanager
def omero_host(make_host: MakeHost, image: str, **options: Any) -> Iterator[OmeroServer]:
    """Run one on a host of its own for as long as the block lasts. image: of a deployed host."""
    with make_host("plain", name="omero", image=image) as host, omero_server(host, **options) as it:
        yield it


@contextlib.contextmanager
def omero_server(host: Host, *users: User, **options: Any) -> Iterator[OmeroServer]:
    """Run one on a host that has had a deploy for as long as the block lasts."""
    host.copy_in(ROOT / "tests" / "omero_stand_in", f"{FOLDER}/tests/omero_stand_in")
    issued = issue(host.alias, key=rsa.generate_private_key(65537, 2048))
    host.write(f"{FOLDER}/omero.pem", issued.key_pem + issued.pem, "0600")
    server = OmeroServer(host, users or (ADA, BOB))
    server.start(**options)
    try:
        yield server
    finally:
        server.stop()
