"""The system user that OMERO.web runs as."""

from __future__ import annotations

import shlex
from collections.abc import Generator

from omeroweb_ops.locations import BASE
from pyinfra import host
from pyinfra.api import operation

from .. import told
from ..facts import YesOrNo
from ..site import USER
from . import sandbox


def as_user(command: str, *writable: str) -> str:
    """Shell: a command line as the service's user, in the sandbox.

    The script itself is part of it: a host need not have it yet, and may have that of another
    version. writable: directories that the command may write besides, as far as its user may.
    """
    options = "".join(f" --write {shlex.quote(each)}" for each in writable)
    return f"sh -c {shlex.quote(sandbox.script())} sandbox{options} {command}"


class HasUser(YesOrNo):
    """Whether the user and its group are there."""

    def command(self) -> str:
        return f"getent passwd {USER} && getent group {USER} && echo yes || true"


@operation()
def present(uid: int | None) -> Generator[str, None, None]:
    """A system user without a password; the shell lets root do `su - omero-web`.

    + uid: a fixed number, or None for the next free one
    """
    gid_option, uid_option = ("", "") if uid is None else (f"--gid {uid}", f"--uid {uid}")
    if not (told.of(host).user or host.get_fact(HasUser)):
        yield (
            f"getent group {USER} >/dev/null || groupadd --system {gid_option} {USER}; "
            f"getent passwd {USER} >/dev/null || useradd --system --gid {USER} "
            f"{uid_option} --home-dir {BASE} --no-create-home --shell /bin/bash {USER}"
        )
