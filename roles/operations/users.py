"""Create the system user that OMERO.web runs as."""

from __future__ import annotations

from collections.abc import Generator

from omeroweb_ops.locations import BASE
from pyinfra import host
from pyinfra.api import operation

from ..conventions import USER
from . import prefetch_store
from .facts import BooleanFact


class HasUser(BooleanFact):
    """Whether the user and its group exist."""

    def command(self) -> str:
        return f"getent passwd {USER} && getent group {USER} && echo yes || true"


@operation()
def create(uid: int | None, group: str = USER) -> Generator[str, None, None]:
    """Create a system user without a password. It has a shell for root's `su - omero-web`.

    + uid: a fixed number, or None for the next free one
    + group: its primary group, root or its own
    """
    gid_option, uid_option = ("", "") if uid is None else (f"--gid {uid}", f"--uid {uid}")
    if not (prefetch_store.current(host).user or host.get_fact(HasUser)):
        yield (
            f"getent group {USER} >/dev/null || groupadd --system {gid_option} {USER}; "
            f"getent passwd {USER} >/dev/null || useradd --system --gid {group} "
            f"{uid_option} --home-dir {BASE} --no-create-home --shell /bin/bash {USER}"
        )
