"""OMERODIR and what leads to it: root's directories, and those of the service's user below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omeroweb_ops.locations import BASE, RELEASES
from omeroweb_ops.shared.finding import Finding

from ..conventions import LOCATIONS, USER
from .files import Directory, Item, Link
from .prefetch import PrefetchedFacts
from .privilege import printable


def directories(*, image: bool = False) -> list[Item]:
    """OMERODIR is root's; the service writes var, and people who set properties etc/grid.

    In an image everything that is written lies in var, the rest may be read-only.
    """
    root = LOCATIONS.omerodir
    own = f"{USER}:{USER}"

    def below(path: Path, mode: str) -> Directory:
        return Directory(str(path), own, mode, run_as=USER)

    return [
        Directory(str(BASE)),
        Directory(str(BASE / "bin")),
        Directory(str(RELEASES)),
        Directory(str(BASE / "state"), f"root:{USER}", "750"),
        Directory(str(root)),
        Directory(str(root / "bin")),
        Directory(str(root / "etc")),
        Link(str(root / "etc/grid"), "../var/grid")
        if image
        else Directory(str(root / "etc/grid"), own, "750"),
        Directory(str(root / "var"), own),
        below(root / "var/omero", "700"),
        below(LOCATIONS.logs, "750"),
        below(LOCATIONS.sessions, "700"),
        *([below(root / "var/grid", "700")] if image else []),
    ]


def links_below(told: PrefetchedFacts) -> Iterator[Finding]:
    """Links in the place of OMERODIR's directories: through one of them root could be led away."""
    for item in directories():
        state = told.state(item.path) or ""
        if state.startswith("link ") and LOCATIONS.omerodir in Path(item.path).parents:
            target = printable(state.removeprefix("link "))
            yield Finding(
                item.path,
                f"is a symbolic link to {target}; move it away, so that a directory can be made "
                "there (a bind mount can bring it to another disk)",
            )
