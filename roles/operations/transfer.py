"""Bytes of a host's files, as the output of a command.

A host needs no SFTP for it, which a login shell that prints something breaks. What goes to a host
is a `files.File`, on standard input.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from typing import Any

from pyinfra.api import Host, StringCommand

from .facts import FIRST_LINE, own_lines

_COLUMNS = 60_000  # characters of a line: pyinfra handles each by itself


def read_file(host: Host, path: str, **arguments: Any) -> bytes | None:
    """The content of a file on a host; None if it cannot be read.

    arguments: of pyinfra's connector, for example _sudo.
    """
    command = f"echo '{FIRST_LINE}'; base64 -w {_COLUMNS} {shlex.quote(path)}"
    done, output = host.run_shell_command(StringCommand(command), **arguments)
    if not done:
        return None
    try:
        return base64.b64decode("".join(own_lines(output.stdout_lines)), validate=True)
    except binascii.Error:  # cut
        return None
