"""Write a backup's files to a host."""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pyinfra.api import StringCommand, operation

from ..conventions import LOCATIONS, USER
from ..host_paths import REDIS_COMMAND, RESTORE, STAMPS
from ..operations import shell_file
from ..operations.files import Directory, File, Item, Link
from ..operations.privilege import run_as_user
from ..operations.sync import commands
from .archive import Entry, tar_of
from .contents import REDIS_KEYS, WEB, is_session_file

_LOAD_KEYS = shell_file.read(__file__, "load_keys.sh")


@dataclass(frozen=True)
class Part:
    """What one host gets of a backup."""

    files: list[tuple[Entry, bytes]] = field(repr=False)

    @property
    def items(self) -> Iterator[Item]:
        """Return the files, directories and links, without sessions, parents first.

        All but the configuration of the service's user become root's.
        """
        for entry, content in sorted(self.files, key=lambda each: each[0].path):
            path, mode = entry.path, entry.mode[-3:]
            text = base64.encodebytes(content).decode()
            if is_session_file(path) or path == REDIS_KEYS:
                continue
            if path in WEB:
                yield File(path, text, f"{USER}:{USER}", mode, binary=True, run_as=USER)
            elif entry.kind == "directory":
                yield Directory(path, mode=mode)
            elif entry.kind == "link":
                yield Link(path, entry.target)
            else:
                yield File(path, text, mode=mode, binary=True)

    @property
    def sessions(self) -> list[tuple[str, bytes]]:
        """Return the names and contents of the session files."""
        return [
            (PurePosixPath(entry.path).name, content)
            for entry, content in self.files
            if is_session_file(entry.path)
        ]

    @property
    def keys(self) -> bytes:
        """Return the commands that write Redis' keys."""
        return next((text for entry, text in self.files if entry.path == REDIS_KEYS), b"")


@operation()
def begin(backup: str) -> Generator[StringCommand, None, None]:
    """Note which backup is being restored, so that the next run may complete a killed run.

    The deploy restarts a running OMERO.web, which reads the key of its sessions at its start.

    + backup: its id
    """
    yield from commands(Directory(os.path.dirname(RESTORE)))
    yield from commands(File(RESTORE, f"{backup}\n", mode="600"))
    yield StringCommand(f"rm -f {STAMPS}/omero-web")


@operation()
def write(part: Part) -> Generator[StringCommand, None, None]:
    """Write the files, each atomically.

    + part: of this host
    """
    for item in part.items:
        if item.path not in WEB:
            parent = shlex.quote(os.path.dirname(item.path))
            yield StringCommand(f"[ -d {parent} ] || mkdir -p {parent}")
        yield from commands(item)


@operation()
def write_sessions(part: Part) -> Generator[StringCommand, None, None]:
    """Write the session files as the service's user.

    + part: of this host
    """
    if part.sessions:
        text = base64.encodebytes(tar_of(part.sessions)).decode()
        directory = shlex.quote(str(LOCATIONS.sessions))
        unpack = run_as_user(USER, f"umask 077 && base64 -d | tar -x -f - -C {directory}")
        yield StringCommand(unpack, _stdin=text)


@operation()
def load_keys(part: Part) -> Generator[StringCommand, None, None]:
    """Write the keys into the site's Redis. A session that has changed since then is replaced.

    + part: of this host
    """
    if part.keys:
        text = base64.encodebytes(part.keys).decode()
        yield StringCommand(shell_file.command(_LOAD_KEYS, REDIS_COMMAND), _stdin=text)


@operation()
def end() -> Generator[StringCommand, None, None]:
    """Forget the backup that has been restored."""
    yield StringCommand(f"rm -f {RESTORE}")
