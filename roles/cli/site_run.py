"""Run functions of pyinfra in a process of its own, which shares a file with the verb."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


def _anonymous() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("omero-web"), "w+b")
    return tempfile.TemporaryFile()


@contextmanager
def shared_file(content: bytes = b"") -> Iterator[IO[bytes]]:
    """Make a file without a name, which is gone when the last process has closed it.

    content: may be secret; the file is in memory where the system allows it.
    """
    with _anonymous() as file:
        file.write(content)
        file.flush()
        yield file


def content(file: IO[bytes]) -> bytes:
    """Return all of a file, which another process may have written."""
    file.seek(0)
    return file.read()


def run(file: IO[bytes], *arguments: str, quiet: bool = False) -> int:
    """Run pyinfra, which may use the file, and return its exit status.

    quiet: its output is printed only if it fails.
    """
    command = [sys.executable, "-m", f"{__package__}.pyinfra_run", "-y", *arguments]
    descriptors = [file.fileno()]
    if not quiet:
        return subprocess.run(command, pass_fds=descriptors, check=False).returncode
    done = subprocess.run(
        command,
        pass_fds=descriptors,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        os.write(2, done.stdout)
    return done.returncode
