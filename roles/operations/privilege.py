"""Run commands as another user, and limit what such a command prints.

Root acts only where root owns every directory of the path. Files in another user's directory are
made, read and removed as that user. The output of another user's process is untrusted input: it is
limited in time and size, and has no control characters. See docs/architecture.md, "Privilege".
"""

from __future__ import annotations

import shlex

from . import shell_file

FUNCTIONS = shell_file.read(__file__, "privilege.sh")


def with_functions(script: str) -> str:
    """Return shell: a script that may call the functions of `privilege.sh`."""
    return f"{FUNCTIONS}{script}"


def run_as_user(user: str, script: str) -> str:
    """Return shell that runs a script as another user, without root's terminal."""
    return f"cd / && setsid -w runuser -u {user} -- sh -c {shlex.quote(script)}"


def limited(command: str, *, seconds: int, size: int = 1_000_000) -> str:
    """Return shell that runs a command of another user and prints its output as untrusted text.

    The output includes the errors. The status is the command's own, or 124 after the timeout.

    seconds: the timeout. size: the bytes that it may print.
    """
    return with_functions(f"limited {seconds} {size} {shlex.quote(command)}")


def printable(text: str) -> str:
    """Return text as one line without control characters, escaped as in Python."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
