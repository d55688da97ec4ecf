"""Reading what another process may have put there: never a pipe, never without a limit.

Opening a named pipe waits for its writer, for ever if none comes.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MAX_SIZE = 10_000_000  # bytes


def read_text(path: Path, limit: int = MAX_SIZE) -> str:
    """Return the text of a regular file.

    limit: in bytes.

    Raises OSError that names the file if it is something else, larger, or not there.
    """
    return read_bytes(path, limit).decode()


def read_bytes(path: Path, limit: int = MAX_SIZE) -> bytes:
    """Return the content of a regular file; see `read_text`."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit} bytes", str(path))
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
