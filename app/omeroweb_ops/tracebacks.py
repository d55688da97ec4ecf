"""Why code of others failed, in one line, and where in that code."""

from __future__ import annotations

import os
import re
import sys
import traceback

# An error that comes up in these is another's mistake, or their message says enough.
_RELEASE = {
    str(__package__), "corsheaders", "django", "django_redis", "gunicorn", "omero", "omeroweb",
    "redis", "whitenoise",
}  # fmt: skip
_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n((?:[ \t].*\n)*)(\S.*)", re.M)
_FRAME = re.compile(r'^\s*File "(.+)", line (\d+)', re.M)


def summarize(error: BaseException) -> str:
    """Its type, its message, and the innermost line that is not of the release or of Python."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    said = f"{type(error).__name__}: {message}".removesuffix(": ")
    return said + _place("".join(traceback.format_exception(error)))


def from_text(text: str) -> str | None:
    """The same of the last traceback in a log; None where it has none."""
    found = _TRACEBACK.findall(text)
    return found[-1][1] + _place(found[-1][0]) if found else None


def from_output(text: str, otherwise: str) -> str:
    """The same of what a process said before it failed; its last line where it has no traceback."""
    return from_text(text) or (text.strip().splitlines() or [otherwise])[-1]


def _place(frames: str) -> str:
    """Python's own order: causes come before what they led to, innermost frames last."""
    for file, line in reversed(_FRAME.findall(frames)):
        folders = [each for each in sys.path if each and file.startswith(each.rstrip("/") + "/")]
        folder = max(folders, key=len, default=os.path.dirname(os.__file__))
        name = os.path.relpath(file, folder)
        if folder != os.path.dirname(os.__file__) and name.split("/")[0] not in _RELEASE:
            return f" (in {name}, line {line})"
    return ""
