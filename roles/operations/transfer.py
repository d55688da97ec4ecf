"""Read a host's files as the output of a command.

SFTP is not used, because a login shell that prints something breaks it. Files to a host are
`files.File` items, on standard input.
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
    """Return the content of a file on a host; None if the file cannot be read.

    arguments: of pyinfra's connector, for example _sudo.
    """
    command = f"echo '{FIRST_LINE}'; base64 -w {_COLUMNS} {shlex.quote(path)}"
    done, output = host.run_shell_command(StringCommand(command), **arguments)
    if not done:
        return None
    try:
        return base64.b64decode("".join(own_lines(output.stdout_lines)), validate=True)
    except binascii.Error:  # the output is incomplete
        return None
