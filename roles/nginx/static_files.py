"""Deliver the release's static files from a web host to a host that has only NGINX.

Each collection has its own directory, named by a digest of its sources. `current` links to the
active collection, `previous` to the previous one, for pages that are still open.
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

_UNPACK = shell_file.read(__file__, "unpack_static.sh")
_SWITCH = shell_file.read(__file__, "switch_static.sh")
_ONE_AT_A_TIME = BoundedSemaphore()  # several NGINX hosts fetch from the same web host


class Collected(HostFact[str]):
    """The name of a web host's collected static files; '' if there are none."""

    def command(self) -> str:
        return f"cat {COLLECTED} 2> /dev/null && readlink -f {CURRENT}; true"

    @staticmethod
    def default() -> str:
        return ""

    def process(self, output: list[str]) -> str:
        return hashlib.sha256("\n".join(output).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Delivery:
    """The complete collections of an NGINX host, and the active one."""

    complete: frozenset[str] = frozenset()
    current: str = ""


class Delivered(HostFact[Delivery]):
    """The delivered collections of an NGINX host."""

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
    """Deliver a web host's collected static files, unless NGINX has them, and activate them.

    + source: the web host's name
    + privilege: `root` or `sudo`, for commands on the web host
    + root: the directory on the web host
    + shell: the shell for commands on the web host
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
        with tempfile.TemporaryFile() as archive:  # without a name, so that nothing is left behind
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
    """Pack the regular files below `root` and download the archive. Return whether that succeeds.

    Symbolic links are skipped: on the NGINX host they could point at its own files. The service's
    user packs the files, because the directory may be the site's own and may change meanwhile.
    """
    packed, _output = web.run_shell_command(
        StringCommand(pack(root)), _sudo=sudo, _shell_executable=shell
    )
    fetched = packed and web.get_file(STATIC_ARCHIVE, archive, _sudo=sudo)
    removal = StringCommand("rm", "-f", STATIC_ARCHIVE, f"{STATIC_ARCHIVE}.complete")
    web.run_shell_command(removal, _sudo=sudo, _shell_executable=shell)
    return bool(fetched)


def pack(root: str) -> str:
    """Return shell that packs a directory of the service's user."""
    listed = f"cd {shlex.quote(root)} && find . -type f -print0 | tar --null -T - -czf -"
    packing = limited_archive(run_as_user(USER, listed), STATIC_ARCHIVE)
    return (
        f"mkdir -p -m 755 {Path(STATIC_ARCHIVE).parent} && rm -f {STATIC_ARCHIVE}* || exit; "
        "umask 077; "
        f"{limited(packing, seconds=PACKING_TIMEOUT, size=MAX_ERRORS_SIZE)}"
    )
