"""Read the keys that the containers of one machine share, and make a missing key.

The directory `KEYS` is a volume of several containers. The first container that needs a key makes
the file; every container reads the file that is there. Only Python's own library is used, because
other images have this module without OMERO.web.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import tempfile
from pathlib import Path

from ..shared import regular_file

KEYS = Path("/opt/omero/keys")
SECRET_KEY, REDIS_PASSWORD = "secret_key", "redis_password"
_MODE = 0o660  # containers with other uids share the group
_BYTES = 48  # of randomness: 64 characters
_MAX_SIZE = 1000  # bytes of a file
_KEY = re.compile(r"[!-~]{32,512}")  # Redis takes a password from a line of words
_MOUNTS = Path("/proc/self/mountinfo")


class Unusable(ValueError):
    """The reason why a key can be neither read nor made, and the remedy, without the key."""


def read(name: str, folder: Path = KEYS) -> str | None:
    """Return a key; it is made if the directory is mounted and has no file of this name.

    Returns None if the directory is absent, or is the image's own: a key there would be lost with
    the container. Raises Unusable.
    """
    path = folder / name
    key = _content(path)
    if key is None and _is_mounted(folder):
        _make(path)
        key = _content(path)
    return key


def provide(path: Path) -> None:
    """Make a key in a file, unless the file is there. Raises Unusable."""
    if not os.path.lexists(path):
        _make(path)


def _is_mounted(folder: Path) -> bool:
    """Return whether a directory is a mount point (proc_pid_mountinfo(5), field 5).

    os.path.ismount does not recognise a bind mount of the same file system.
    """
    quoted = re.sub(r"[\s\\]", lambda found: f"\\{ord(found[0]):03o}", str(folder))
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return os.path.ismount(folder)
    return any(line.split(" ")[4] == quoted for line in lines)


def _content(path: Path) -> str | None:
    """Return the key in a file, None without the file. Raises Unusable."""
    try:
        text = regular_file.read_text(path, _MAX_SIZE)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):  # and not a file that another container has just made
            raise Unusable(f"{path} is a link to a missing file; remove it") from None
        return None
    except OSError as error:
        raise Unusable(f"{path} cannot be read {_user()} ({error.strerror})") from None
    except UnicodeDecodeError:
        text = ""
    key = text.removesuffix("\n").removesuffix("\r")
    if not _KEY.fullmatch(key):
        raise Unusable(
            f"{path} is not a key: 32 to 512 visible ASCII characters without spaces; "
            "remove the file, and a new key is made"
        )
    return key


def _make(path: Path) -> None:
    """Make the file of a key, whole, unless another container is faster. Raises Unusable."""
    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, _MODE)
                file.write(f"{secrets.token_urlsafe(_BYTES)}\n".encode())
                file.flush()
                os.fsync(descriptor)
            with contextlib.suppress(FileExistsError):
                os.link(beside, path)
        finally:
            os.unlink(beside)
        _sync(path.parent)
    except OSError as error:
        why = f"{path} cannot be made {_user()} ({error.strerror})"
        remedy = "mount a volume that this user or group 0 may write to, or give the key itself"
        if error.errno in (errno.EPERM, errno.EOPNOTSUPP):
            remedy = f"the file system needs hard links; write a key into {path} yourself"
        raise Unusable(f"{why}; {remedy}") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _user() -> str:
    return f"by uid {os.geteuid()}, gid {os.getegid()}"
