"""Summarize an error in other people's code in one line, with its place in that code."""

from __future__ import annotations

import os
import re
import sys
import traceback

# Frames of these packages are not reported: the caller is at fault, or the message is enough.
_RELEASE = {
    str(__package__), "corsheaders", "django", "django_redis", "gunicorn", "omero", "omeroweb",
    "redis", "whitenoise",
}  # fmt: skip
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n((?:[ \t].*\n)*)(\S.*)", re.M)
_FRAME = re.compile(r'^\s*File "(.+)", line (\d+)', re.M)


def summarize(error: BaseException) -> str:
    """Return an error's type, message and innermost line outside of the release and of Python."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    text = f"{type(error).__name__}: {message}".removesuffix(": ")
    return text + _place("".join(traceback.format_exception(error)))


def from_text(text: str) -> str | None:
    """Return the summary of the last traceback in a log; None if there is none."""
    found = _TRACEBACK.findall(text)
    return found[-1][1] + _place(found[-1][0]) if found else None


def from_output(text: str, otherwise: str) -> str:
    """Return the summary of a failed process's output: the last traceback, else the last line."""
    return from_text(text) or (text.strip().splitlines() or [otherwise])[-1]


def _place(frames: str) -> str:
    """Return the innermost place. In Python's order, causes and outer frames come first."""
    for file, line in reversed(_FRAME.findall(frames)):
        folders = [each for each in sys.path if each and file.startswith(each.rstrip("/") + "/")]
        folder = max(folders, key=len, default=os.path.dirname(os.__file__))
        name = os.path.relpath(file, folder)
        if folder != os.path.dirname(os.__file__) and name.split("/")[0] not in _RELEASE:
            return f" (in {name}, line {line})"
    return ""
