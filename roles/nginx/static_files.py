"""Static files of the release on a host that has only NGINX: brought from a web host.

Each collection has a folder of its own, named by what it was collected from; `current` links to the
one that serves, `previous` to the one before, for pages that are still open.
"""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from gevent.lock import BoundedSemaphore
from omeroweb_ops.locations import CURRENT
from pyinfra import host
from pyinfra.api import FileUploadCommand, Host, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from ..conventions import USER
from ..host_paths import COLLECTED, STATIC_ARCHIVE, STATIC_FILES
from ..operations import shell_file
from ..operations.archives import MAX_ERRORS_SIZE, PACKING_TIMEOUT, limited_archive
from ..operations.facts import HostFact, fail
from ..operations.privilege import limited, run_as_user
from ..target import Target

_UNPACK = shell_file.read(__file__, "unpack_static.sh")
_SWITCH = shell_file.read(__file__, "switch_static.sh")
_ONE_AT_A_TIME = BoundedSemaphore()  # several NGINX hosts ask the same web host


def needs_delivery(target: Target) -> bool:
    """Return whether this NGINX serves the static files of another host."""
    return "web" not in target.groups and target.application.nginx_serves_static


class Collected(HostFact[str]):
    """The name of what a web host has collected; '' where it has not."""

    def command(self) -> str:
        return f"cat {COLLECTED} 2> /dev/null && readlink -f {CURRENT}; true"

    @staticmethod
    def default() -> str:
        return ""

    def process(self, output: list[str]) -> str:
        return hashlib.sha256("\n".join(output).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Delivery:
    """What an NGINX host has: complete collections, and the one that it serves."""

    complete: frozenset[str] = frozenset()
    current: str = ""


class Delivered(HostFact[Delivery]):
    """One remote call."""

    def command(self) -> str:
        return f"cd {STATIC_FILES} 2> /dev/null && echo current=$(readlink current) && ls; true"

    @staticmethod
    def default() -> Delivery:
        return Delivery()

    def process(self, output: list[str]) -> Delivery:
        current, *complete = output
        return Delivery(frozenset(complete), current.removeprefix("current="))


@operation()
def deliver(
    source: str, privilege: str, root: str, shell: str = "sh"
) -> Generator[PyinfraCommand, None, None]:
    """NGINX serves what a web host has collected; nothing travels that is here already.

    + source: the web host's name
    + privilege: `root` or `sudo`, how commands are run there
    + root: the folder there
    + shell: what runs commands there
    """
    if not host.state.is_executing:  # nothing may have been collected yet
        return
    web, sudo = host.state.inventory.get_host(source), privilege == "sudo"
    name = web.get_fact(Collected, _sudo=sudo)
    found = host.get_fact(Delivered)
    if not name:
        yield fail(f"{source} has collected no static files")
        return
    if name == found.current:
        return
    if name not in found.complete:
        with tempfile.TemporaryFile() as archive:  # without a name: nothing is left of it
            with _ONE_AT_A_TIME:
                fetched = _fetch(web, root, archive, sudo=sudo, shell=shell)
            if not fetched:
                yield fail(f"the static files of {source} cannot be read")
                return
            yield StringCommand("mkdir", "-p", STATIC_FILES)
            yield FileUploadCommand(archive, STATIC_ARCHIVE)
        yield StringCommand(shell_file.command(_UNPACK, STATIC_FILES, STATIC_ARCHIVE, name))
    yield StringCommand(shell_file.command(_SWITCH, STATIC_FILES, name))


def _fetch(web: Host, root: str, archive: object, *, sudo: bool, shell: str) -> bool:
    """Regular files alone: a link could lead NGINX to a file of its own host.

    Packed as the service's user: the folder may be the site's own, and change meanwhile.
    """
    packed, _output = web.run_shell_command(
        StringCommand(pack(root)), _sudo=sudo, _shell_executable=shell
    )
    fetched = packed and web.get_file(STATIC_ARCHIVE, archive, _sudo=sudo)
    removal = StringCommand("rm", "-f", STATIC_ARCHIVE, f"{STATIC_ARCHIVE}.complete")
    web.run_shell_command(removal, _sudo=sudo, _shell_executable=shell)
    return bool(fetched)


def pack(root: str) -> str:
    """Shell: the archive of a folder of the service's user."""
    listed = f"cd {shlex.quote(root)} && find . -type f -print0 | tar --null -T - -czf -"
    packing = limited_archive(run_as_user(USER, listed), STATIC_ARCHIVE)
    return (
        f"mkdir -p -m 755 {Path(STATIC_ARCHIVE).parent} && rm -f {STATIC_ARCHIVE}* || exit; "
        "umask 077; "
        f"{limited(packing, seconds=PACKING_TIMEOUT, size=MAX_ERRORS_SIZE)}"
    )
