"""List the directories of OMERODIR: those of root, and below them those of the service's user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omeroweb_ops.locations import BASE, RELEASES
from omeroweb_ops.shared.finding import Finding

from ..conventions import IMAGE_GROUP, LOCATIONS, USER
from .files import Directory, Item, Link
from .prefetch import PrefetchedFacts
from .privilege import printable


def directories(*, image: bool = False) -> list[Item]:
    """Return OMERODIR's directories and those that lead to it.

    Root owns OMERODIR. The service writes to var, and `omero config set` to etc/grid. In an image
    every written file is in var, so that the rest may be read-only, and belongs to group 0, so that
    a container may have any uid.
    """
    root = LOCATIONS.omerodir
    group = IMAGE_GROUP if image else USER
    own = f"{USER}:{group}"

    def below(path: Path, mode: str) -> Directory:
        return Directory(str(path), own, mode, run_as=USER)

    return [
        Directory(str(BASE)),
        Directory(str(BASE / "bin")),
        Directory(str(RELEASES)),
        Directory(str(BASE / "state"), f"root:{group}", "750"),
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


def links_below(facts: PrefetchedFacts) -> Iterator[Finding]:
    """Yield an error for each link in place of a directory: root would write to its target."""
    for item in directories():
        state = facts.state(item.path) or ""
        if state.startswith("link ") and LOCATIONS.omerodir in Path(item.path).parents:
            target = printable(state.removeprefix("link "))
            yield Finding(
                item.path,
                f"must be a directory, not a symbolic link to {target}; move the link away (use a "
                "bind mount for another disk)",
            )
