"""Write the archive: masked members of limited size, and a list of what is inside."""

from __future__ import annotations

import io
import re
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from ..shared.regular_file import read_bytes

MAX_MEMBER = 1_500_000  # bytes of a member; of a longer one, the end
MAX_HOST_MEMBERS = 60
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
_BANNER = """This archive was made by `omeroweb-ops support` of the OMERO.web bundle.
Known secrets, and what looks like a secret, is replaced by ********. Look through the files before
you post the archive: they have host names, user names and addresses, and no program knows what is
confidential in your texts.

"""


def write(target: IO[bytes], folder: str, members: Sequence[tuple[str, str]]) -> list[str]:
    """Write a tar.gz. members: names and masked texts. Return a line for each member."""
    texts = [(name, _end(text.encode(errors="replace"))) for name, text in members]
    lines = [f"{len(content):>9}  {name}" for name, content in texts]
    first = ("README.txt", (_BANNER + "\n".join(lines) + "\n").encode())
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in (first, *texts):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(content))
    return lines


def host_files(stream: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Yield names and texts of the regular files in the tar stream of root's script."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, entry in enumerate(archive):
            if number >= MAX_HOST_MEMBERS:
                break
            name = entry.name.rpartition("/")[2]
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is not None and _NAME.fullmatch(name):
                yield f"host/{name}", content.read(2 * MAX_MEMBER).decode(errors="replace")


def log_end(path: Path) -> str:
    """Return the end of a log in a directory of the service's user. Raises OSError."""
    return _end(read_bytes(path, limit=100_000_000)).decode(errors="replace")


def _end(content: bytes) -> bytes:
    if len(content) <= MAX_MEMBER:
        return content
    cut = content[-MAX_MEMBER:].partition(b"\n")[2]
    return b"(the beginning is left out)\n" + cut
