"""Read and write regular files in a directory where another user may place pipes and links.

No function opens a pipe, which could wait forever, writes through a link, or reads without a limit.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_SIZE = 10_000_000  # bytes


def read_text(path: Path, limit: int = MAX_SIZE) -> str:
    """Return the text of a regular file.

    limit: in bytes.

    Raises OSError with the file's name if it is not a regular file, too large, or missing.
    """
    return read_bytes(path, limit).decode()


def read_bytes(path: Path, limit: int = MAX_SIZE) -> bytes:
    """Return the content of a regular file; see `read_text`."""
    with open(path, "rb", opener=without_waiting) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit} bytes", str(path))
    return content


def read_json(path: Path) -> Any:
    """Return the data of a JSON file.

    Raises OSError as `read_text` does, and ValueError for what is not JSON or nested too deeply.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("its data are nested too deeply") from None


def replace(path: Path, content: bytes, mode: int = 0o640, *, sync: bool = True) -> None:
    """Write a file beside `path` and rename it to `path`, replacing anything at either path.

    sync: sync to disk first, so that a crash leaves either the old file or the new file.

    Raises OSError with the file's name, and removes the new file.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        error.filename = str(beside)
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            if sync:
                os.fsync(descriptor)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    if sync:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def append_text(path: Path, text: str) -> None:
    """Append text to a file, which is created if it is missing. Raises OSError with its name."""
    with open(path, "a", encoding="utf-8", opener=without_waiting) as file:
        file.write(text)


def without_waiting(path: str, flags: int) -> int:
    """Open a regular file, as an `opener` of `open`. Raises OSError for a pipe or a device."""
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o640)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return descriptor
