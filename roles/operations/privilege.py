"""Who acts on a host, and how far another user's process is believed.

Root acts only where root owns every directory on the way. What lies in another user's directory is
made, read and removed as that user. What a process of another user prints is input of a stranger:
limited in time and size, and without control characters. See docs/architecture.md, "Privilege".
"""

from __future__ import annotations

import shlex

from . import shell_file

_FUNCTIONS = shell_file.read(__file__, "privilege.sh")


def with_functions(script: str) -> str:
    """Shell: a script that may call the functions of `privilege.sh`."""
    return f"{_FUNCTIONS}{script}"


def run_as_user(user: str, script: str) -> str:
    """Shell: run a script as another user, without root's terminal. It reads standard input."""
    return f"cd / && setsid -w runuser -u {user} -- sh -c {shlex.quote(script)}"


def limited(command: str, *, seconds: int, size: int = 1_000_000) -> str:
    """Shell: run a command of another user, and pass on what it prints as text of a stranger.

    Its errors come among the rest. The status is the command's own, 124 where it took too long.

    seconds: that it may take. size: bytes that it may print.
    """
    return with_functions(f"limited {seconds} {size} {shlex.quote(command)}")


def printable(text: str) -> str:
    """One line in which nothing can move a terminal's cursor or begin another line."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
