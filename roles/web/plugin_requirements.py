"""What a plugin needs and a release does not have, found at the end of its build."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..inventory import requirements_file
from ..inventory.plugins import Addition

# How uv's line ends, and what to do then; the first that fits.
_HINTS = {
    ", but it's not installed": "add it to the file that its requirements name",
    "": "write a version of the plugin that fits this release, or leave it out",
}


def check_command(uv: str, python: Path, plugins: Iterable[Addition]) -> str:
    """Shell: tell each unmet requirement of a plugin, or of what it brings along, and fail.

    What the release's own lock leaves unmet is the lock's, and no plugin's fault.
    """
    told = " ".join(f"-e {shlex.quote(each)}" for plugin in plugins for each in _told(plugin))
    if not told:
        return "true"
    check = f"{uv} pip check --python {python} 2>&1"
    return f'unmet=$({check} | sed -nE {told}); [ -z "$unmet" ] || {{ echo "$unmet" >&2; exit 1; }}'


def _told(plugin: Addition) -> Iterator[str]:
    """For sed: uv's line about one of the plugin's packages, in words for the administrator."""
    names = "|".join(sorted({plugin.package, *requirements_file.pins(plugin.lock)}))
    for end, hint in _HINTS.items():
        message = f"web_plugins: {plugin.package}: \\1 \\2; {hint}"
        yield f"s/^The package `({names})` (.*{end})$/{message}/p"
