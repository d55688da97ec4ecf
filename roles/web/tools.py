"""Install uv on a host, which installs releases there, and what builds zeroc-ice.

The uv of this machine is sent to hosts on which it runs: from the package index, it would be the
largest download of a first deploy, with pip as its slow reader.
"""

from __future__ import annotations

import gzip
import hashlib
import platform
from collections.abc import Generator
from functools import cache
from importlib import metadata
from pathlib import Path

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand
from uv import find_uv_bin

from ..host_paths import CACHE
from ..inventory import requirements_file
from ..operations import prefetch_store, shell_file
from ..operations.files import Directory, File
from ..operations.prefetch import PYTHON
from ..operations.sync import commands, read_states
from . import builder

TOOLS_LOCK = Path(__file__).parent / "tools.txt"
TOOLS = CACHE / "tools"
_BUILD_TOOLS = shell_file.read(__file__, "build_tools.sh")
_INSTALL_TOOLS = shell_file.read(__file__, "install_tools.sh")
# Shell that makes pip and uv use the site's certificates and index.
PACKAGE_SOURCES = shell_file.command(shell_file.read(__file__, "package_sources.sh"), tools=TOOLS)
_COMPLETE = f"{TOOLS}/complete"
_KEPT_LOCK, _SENT = CACHE / "tools.txt", CACHE / "uv.gz"


@operation()
def send_uv(arch: str, compiles: bool) -> Generator[PyinfraCommand, None, None]:
    """Send this machine's uv to a host that has no uv yet, for `install_uv`.

    + arch: the machine's name of the host (uname(1))
    + compiles: whether zeroc-ice is compiled on the host
    """
    if prefetch_store.was_absent(host, _COMPLETE) and not compiles and runs_here(arch):
        yield from commands(Directory(str(CACHE)), *_sent())


@operation()
def install_uv(arch: str, compiles: bool) -> Generator[PyinfraCommand, None, None]:
    """Install uv, and pip and setuptools if zeroc-ice is compiled, in a separate virtualenv.

    They come from a hash-pinned lock. Another version of the host's Python installs them again.

    + arch: the machine's name of the host (uname(1))
    + compiles: whether zeroc-ice is compiled on the host
    """
    lock = TOOLS_LOCK.read_text(encoding="utf-8")
    found, python = read_states([_COMPLETE, PYTHON])
    whole, alone = (
        hashlib.sha256("\0".join(parts).encode()).hexdigest()
        for parts in ((lock, python), (lock, python, "uv alone"))
    )
    is_sent = not compiles and runs_here(arch)
    known = [
        File(_COMPLETE, f"{each}\n").digest for each in (whole, *([] if compiles else [alone]))
    ]
    if found.endswith(tuple(known)):  # the mode depends on root's umask
        return
    is_there = prefetch_store.was_absent(host, _COMPLETE)  # `send_uv` has sent it
    sent = _sent() if is_sent and not is_there else ()
    yield from commands(*builder.items(), File(str(_KEPT_LOCK), lock), *sent)
    install = shell_file.command(
        _INSTALL_TOOLS, PYTHON, TOOLS, _KEPT_LOCK, *([_SENT] if is_sent else [])
    )
    yield StringCommand(
        PACKAGE_SOURCES
        + shell_file.command(
            _BUILD_TOOLS,
            alone if is_sent else whole,
            *builder.words(TOOLS, install),
            tools=TOOLS,
            sent=_SENT,
        )
    )


def runs_here(arch: str) -> bool:
    """Return whether this machine's uv is the locked one and runs on a Debian with `arch`."""
    return (
        arch == platform.machine()
        and platform.libc_ver()[0] == "glibc"
        and metadata.version("uv") in requirements_file.pins(TOOLS_LOCK.read_text("utf-8"))["uv"]
    )


@cache  # the same for all hosts
def _sent() -> tuple[File]:
    program = Path(find_uv_bin()).read_bytes()
    return (File.of(str(_SENT), gzip.compress(program, 1, mtime=0)),)
