"""Deploy the site's own logos and templates, in a directory named by a digest of their content.

OMERO.web's properties name this directory, so a changed logo changes the configuration, with
collectstatic, reload and `config rollback`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Generator
from pathlib import PurePosixPath

from omeroweb_ops.state.branding import DIRECTORY, Branding
from pyinfra import host
from pyinfra.api import operation

from ..conventions import LOCATIONS, USER
from ..operations import known_facts
from ..operations.facts import HostFact
from ..operations.files import Directory, File, Item
from ..operations.privilege import limited, run_as_user
from .static_files import inside


def items(branding: Branding) -> list[Item]:
    """Return the directories and files of the branding."""
    paths = [branding.path / name for name in sorted(branding.files)]
    folders = {parent for path in paths for parent in path.parents if DIRECTORY in parent.parents}
    return [
        *(Directory(str(path)) for path in sorted({DIRECTORY, *folders})),
        *(
            File.of(str(branding.path / name), content)
            for name, content in sorted(branding.files.items())
        ),
    ]


class Stale(HostFact[list[str]]):
    """Names of branding directories that no configuration names, read as the service's user."""

    def command(self, collected: str, configurations: tuple[str, ...]) -> str:
        named = " ".join(shlex.quote(path) for path in configurations)
        script = (
            f"for f in {DIRECTORY}/* {shlex.quote(collected)}/*; do f=${{f##*/}}; "
            f'[ "$f" = "*" ] || grep -qsF "branding/$f" {named} || echo "$f"; done'
        )
        return limited(run_as_user(USER, script), seconds=30)

    @staticmethod
    def default() -> list[str]:
        return []

    def process(self, output: list[str]) -> list[str]:
        return sorted({name for name in output if re.fullmatch("[0-9a-f]{12}", name)})


def question(branding: Branding | None, static_root: str) -> known_facts.Question[list[str]]:
    """Return the question for the names of old branding."""
    before = (str(LOCATIONS.previous),) if branding else ()
    configurations = (str(LOCATIONS.config_xml), *before)
    return known_facts.Question(
        Stale, collected=_collected(static_root), configurations=configurations
    )


def _collected(static_root: str) -> str:
    return str(PurePosixPath(static_root) / DIRECTORY.name)


@operation()
def remove_old(branding: Branding | None, static_root: str) -> Generator[str, None, None]:
    """Remove old branding that OMERO.web no longer uses.

    If the site has branding, the previous configuration's branding stays for `config rollback`.

    + branding: the site's present branding
    + static_root: the directory with collectstatic's copy
    """
    if not host.state.is_executing:  # the configuration is not applied yet
        return
    collected = _collected(static_root)
    found = known_facts.answer(question(branding, static_root))
    names = [name for name in found if branding is None or name != branding.digest]
    if names:
        yield _removal(str(DIRECTORY), names)
        removal = _removal(collected, names)
        # the service's user owns the site's own directory
        yield removal if inside(static_root) else run_as_user(USER, removal)


def _removal(folder: str, names: list[str]) -> str:
    return (
        f"cd {shlex.quote(folder)} 2> /dev/null || exit 0; rm -rf -- {' '.join(names)}; "
        f"cd .. && rmdir --ignore-fail-on-non-empty {DIRECTORY.name}"
    )
