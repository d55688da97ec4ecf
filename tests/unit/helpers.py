"""What several tests of this folder need: installations, sites, processes that die."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

from docker.utils.build import exclude_paths
from omeroweb_ops.locations import Locations
from omeroweb_ops.shared import regular_file
from omeroweb_ops.state import config_xml, engine, schema
from omeroweb_ops.state.engine import Engine

from roles.inventory import checks
from roles.inventory.member import Member
from roles.inventory.site import Site, load
from roles.survey import Survey
from roles.target import Target

SCHEMA = schema.locked()
GROUPS = "redis web nginx"
# Long enough to be accepted.
PASSWORD = "hunter2 of Redis"
KEY = "the secret key of several hosts."
HASH = "--hash=sha256:" + 64 * "0"
SURVEY = Survey(
    privilege="root",
    id="debian",
    version="12",
    arch="x86_64",
    ip="10.0.0.9",
    systemd=True,
    ipv6=True,
)

HostData = tuple[str, frozenset[str], Mapping[str, Any], str | None]


def installation(folder: Path) -> Engine:
    """The engine of a new and empty installation."""
    omerodir = folder / "OMERO.web"
    (omerodir / "etc/grid").mkdir(parents=True)
    return _engine(Locations(omerodir, folder / "desired.json"))


def again(engine: Engine) -> Engine:
    """The same installation, as the next process sees it."""
    return _engine(engine.locations)


def _engine(locations: Locations) -> Engine:
    engine = Engine(locations)
    engine.__dict__["schema"] = SCHEMA  # read once for all tests: it never changes
    return engine


def a_host(
    name: str = "@local", groups: str = GROUPS, /, *, reached_as: str | None = None, **data: Any
) -> HostData:
    """A host as the inventory has it. reached_as: the address that its connector knows."""
    return name, frozenset(groups.split()), data, reached_as


def site_of(*hosts: HostData) -> Site:
    """A site without a mistake."""
    site, findings = load(hosts)
    assert [*findings, *checks.errors(site)] == []
    return site


def mistakes_of(*hosts: HostData) -> list[str]:
    """What is wrong with a site, one text for each mistake."""
    site, findings = load(hosts)
    return [str(finding) for finding in [*findings, *checks.errors(site)]]


def site_lock(path: Path, *more: str) -> str:
    """A lock of a site's own with what the bundle needs and these lines."""
    names = ("omero-web==5.33.2", "omero-py", "gunicorn", "prometheus-client", "tabulate")
    pins = [name if "==" in name else f"{name}==1" for name in names]
    path.write_text("\n".join([*(f"{each} {HASH}" for each in pins), *more]) + "\n")
    return str(path)


def only_member(site: Site) -> Member:
    (member,) = site.members.values()
    return member


def a_target(site: Site, name: str | None = None) -> Target:
    """The only host of a site, or the named one, with a survey of a bare Debian."""
    return Target(site, site.members[name] if name else only_member(site), SURVEY)


def properties_of(site: Site, name: str | None = None) -> dict[str, str]:
    """The texts that a web host (the only one, or the named one) is to have."""
    member = site.members[name] if name else only_member(site)
    texts, findings = site.desired(member).resolve(SCHEMA, Path("/opt/omero/web/OMERO.web"))
    assert findings == []
    return texts


def build_context(folder: Path, ignored: str) -> set[str]:
    """What Docker's client sends of a directory. ignored: the text of .dockerignore."""
    lines = [line.strip() for line in ignored.splitlines()]
    return set(exclude_paths(str(folder), [each for each in lines if each and each[0] != "#"]))


_FILES = (config_xml.__file__, engine.__file__, regular_file.__file__)
_WRITERS = ("apply", "_write_record", "locked", "replace", "write")  # the others only compute


def die_before_line(number: int, action: Callable[[], object]) -> bool:
    """Run in a child process that is killed before the number-th line of the code that writes.

    Returns whether the child came to its end before that.
    """
    child = os.fork()
    if child == 0:
        _run_and_die(number, action)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), f"the child ended with {status}"
    return status == 0


def _run_and_die(number: int, action: Callable[[], object]) -> None:
    seen = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename not in _FILES or frame.f_code.co_name not in _WRITERS:
            return None
        seen += event == "line"
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    try:
        sys.settrace(trace)
        action()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@contextlib.contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """An HTTP server on this port of loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
