"""Make a site's own lock of OMERO.web, with the plugins of its inventory: `./run lock`.

uv chooses the versions. The versions of the present lock are kept if they still fit, so that a new
lock differs only in what was asked for and in what follows from it.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from .inventory import requirements_file
from .inventory.plugins import APP as APP

OLDEST_PYTHON = "3.11"
TIMEOUT = 600  # seconds
# Packages whose version in app/requirements.in fits that file's OMERO.web only, and what every
# version of the bundle's own code needs of them.
_OF_OTHER_VERSIONS = {
    "omero-py": "omero-py",
    "django-cors-headers": "django-cors-headers<4",  # 4 has no CorsPostCsrfMiddleware
}


class Failure(Exception):
    """uv finds no versions that fit together, or cannot ask the package index."""


@dataclass(frozen=True)
class Change:
    """A package of two locks. before, after: its versions, None if a lock does not have it."""

    package: str
    before: str | None
    after: str | None


def top_level(base: str, omero_web: str | None, more: Iterable[str]) -> str:
    """Return the requirements to lock, one a line, comments kept.

    base: the present requirements. omero_web: another version of OMERO.web; None for that of
    `base`. more: further requirements, which replace those of the same package. Raises ValueError
    for a requirement that is none.
    """
    new: dict[str, str] = {canonicalize_name(Requirement(each).name): each for each in more}
    if omero_web:
        new = {**_OF_OTHER_VERSIONS, **new, "omero-web": f"omero-web=={omero_web}"}
    lines = []
    for line in base.splitlines():
        name = requirements_file.required(line)
        lines.append(new.pop(name, line) if name else line)
    return "".join(f"{line}\n" for line in [*lines, *new.values()])


def compile_lock(
    requirements: str, preferences: str, python: str, upgrades: Sequence[str] | None
) -> str:
    """Return a hash-pinned lock of these requirements.

    preferences: locks whose versions are kept if they fit. python: the oldest version of Python
    that the lock is for. upgrades: packages whose newest version is taken; None for all. Raises
    Failure with uv's own reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
        source.write_text(requirements, encoding="utf-8")
        target.write_text(preferences, encoding="utf-8")
        chosen = ["--upgrade"] if upgrades is None else []
        chosen += [f"--upgrade-package={name}" for name in upgrades or ()]
        command = [
            find_uv_bin(), "pip", "compile", "--quiet", "--no-config", "--universal",
            "--python-version", python, "--generate-hashes", "--no-emit-index-url",
            "--no-emit-package", "zeroc-ice", "--no-header", "--no-annotate", *chosen,
            str(source), "-o", str(target),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"the package index has not answered within {TIMEOUT} s") from None
        if done.returncode:
            raise Failure(done.stderr.strip().replace(folder, "").removeprefix("error: "))
        today = datetime.now(UTC).date().isoformat()
        first = f"# Locked: {today}. `omeroweb-ops status` and ./run audit report this date.\n"
        return first + target.read_text(encoding="utf-8")


def changes(before: str, after: str) -> list[Change]:
    """Return the packages that differ between two locks, by name."""
    old, new = (requirements_file.pins(text) for text in (before, after))
    return [
        Change(name, _versions(old, name), _versions(new, name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _versions(pins: Mapping[str, set[str]], name: str) -> str | None:
    return ", ".join(sorted(pins[name])) if name in pins else None
