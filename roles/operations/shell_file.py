"""Read shell files beside the modules that run them on a host.

A script longer than a line is a file, so that shellcheck can read it and a test can run it in a
directory. `command` quotes its arguments and variables, which are never inserted into its text.
"""

from __future__ import annotations

import shlex
from pathlib import Path


def read(module: str, name: str) -> str:
    """Return the text of a shell file without its comments.

    module: `__file__` of the module in the same directory. name: the file's. A line that begins
    with `#` is a comment, so no string of several lines in such a file may have such a line.
    """
    text = (Path(module).parent / name).read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return "\n".join(lines).strip() + "\n"


def command(script: str, /, *arguments: object, **variables: object) -> str:
    """Return shell that runs a script with positional arguments, if any, and variables."""
    assigned = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in variables.items())
    given = f"set -- {shlex.join(map(str, arguments))}\n" if arguments else ""
    return f"{assigned}{given}{script}"
