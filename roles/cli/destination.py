"""Find the inventory of a destination: a site's directory, a file, or a host of pyinfra."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import click
from click.shell_completion import CompletionItem

PROJECT = Path(__file__).parents[2]
SITE = "site.py"
DEFAULT = "inventory.py"


class NotFound(click.ClickException):
    """No inventory belongs to the destination. The message names each place."""


class Open(click.ClickException):
    """Everybody can write to the inventory's directory, and root would execute what is there."""


class Broken(click.ClickException):
    """The inventory is not Python."""


def resolve(destination: str | None) -> str:
    """Return what pyinfra takes as its inventory: the path of a file, or `@connector/host`.

    Raises NotFound, Open and Broken.
    """
    if destination is not None and destination.startswith("@"):
        return destination
    candidates = [*_candidates(destination)]
    for path in candidates:
        if path.is_file():
            _refuse_open(path)
            _check_syntax(path)
            return str(path)
    looked = ", ".join(dict.fromkeys(str(path) for path in candidates))
    if destination is None:
        raise NotFound(f"there is no site here; looked for {looked}")
    advice = "give the path of an inventory"
    if destination.isidentifier():
        advice += f", or make the site: ./run init {destination}"
    raise NotFound(f"{destination}: there is no such site; looked for {looked}; {advice}")


def _check_syntax(path: Path) -> None:
    """Raise Broken, because pyinfra would report a defect of its own."""
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Broken(f"{path} line {error.lineno}: {error.msg}") from None
    except (OSError, ValueError) as error:
        raise Broken(f"{path} cannot be read: {error}") from None


def _refuse_open(path: Path) -> None:
    """Raise Open, as `run` does for the current directory."""
    for each in (path, path.parent):
        if os.geteuid() == 0 and each.stat().st_mode & stat.S_IWOTH:
            raise Open(
                f"everybody can write to {each}, and root would execute what is there: remove this "
                f"permission (chmod o-w {each})"
            )


def _candidates(destination: str | None) -> list[Path]:
    """Return the places of a destination's inventory, the first of which counts.

    The current directory comes before the project, as for `./run pyinfra`.
    """
    here = Path()
    if destination is None:
        return [here / SITE, here / DEFAULT, PROJECT / DEFAULT]
    given = Path(destination).expanduser()
    if given.suffix == ".py":
        return [here / given, PROJECT / given]
    return [
        path
        for place in (here, PROJECT)
        for path in (place / given / SITE, place / given.parent / f"{given.name}.py")
        if given.name or path.name == SITE
    ]


class Destination(click.ParamType[str]):
    """A destination on the command line. Its value is what pyinfra takes as its inventory."""

    name = "destination"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the inventory of a destination. Raises NotFound."""
        return resolve(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the names of sites, and let the shell complete files."""
        names = [*_sites(Path()), *(_sites(PROJECT) if Path().resolve() != PROJECT else ())]
        found = sorted({name for name in names if name.startswith(incomplete)})
        return [CompletionItem(name) for name in found] or [CompletionItem(incomplete, type="file")]


def _sites(place: Path) -> list[str]:
    """Return the names of the directories that have a site.py."""
    return [path.parent.name for path in place.glob(f"*/{SITE}")]


def argument(function: click.decorators.FC) -> click.decorators.FC:
    """Give a verb the optional argument DESTINATION; its parameter `inventory` is never None."""
    return click.argument(
        "inventory",
        metavar="[DESTINATION]",
        type=Destination(),
        required=False,
        callback=lambda _ctx, _param, value: value or resolve(None),
    )(function)
