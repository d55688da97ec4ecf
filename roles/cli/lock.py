"""`./run lock`: a site's own lock, for another OMERO.web, plugin or Python."""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import destination, exit_status

SCHEMA = 1  # of the output for programs
HEADER = (
    "# The packages of this site. After a change of these lines, ./run lock writes the file of\n"
    "# pins beside this file. The catalogue's plugins in web_plugins need no line here.\n"
)


@click.command()
@destination.argument
@click.option("--omero-web", metavar="VERSION", help="The version of OMERO.web, like 5.32.0.")
@click.option(
    "--add",
    metavar="REQUIREMENT",
    multiple=True,
    help="A further package, or another version of one, like omero-figure==7.3.1. Repeatable.",
)
@click.option(
    "--upgrade", metavar="PACKAGE", multiple=True, help="Take its newest version. Repeatable."
)
@click.option("--upgrade-all", is_flag=True, help="Take the newest version of every package.")
@click.option(
    "--python", metavar="VERSION", help="The oldest Python of the site's hosts.  [default: 3.11]"
)
@click.option("--dry", is_flag=True, help="Show the changes, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def lock(
    inventory: str,
    omero_web: str | None,
    add: tuple[str, ...],
    upgrade: tuple[str, ...],
    upgrade_all: bool,
    python: str | None,
    dry: bool,
    as_json: bool,
) -> int:
    """Lock the packages of a site: OMERO.web, its plugins and all that they need.

    Writes requirements.in and requirements.txt beside the inventory, and keeps the versions of the
    site's present lock if they fit. Change requirements.in as you like, and lock again. The next
    deploy builds the release; omeroweb-ops release rollback goes back.
    """
    from omeroweb_ops.shared import regular_file

    from .. import site_lock  # these import pydantic and pyinfra
    from ..inventory import upgrade_notes
    from .site_packages import SitePackages

    site = SitePackages.of(inventory)
    source = site.lock_path.with_suffix(".in")
    try:
        wanted = site_lock.top_level(_base(source), omero_web, add)
        after = site_lock.compile_lock(
            site_lock.top_level(wanted, None, site.missing(wanted)),
            site.preferences,
            python or site_lock.OLDEST_PYTHON,
            None if upgrade_all else [*upgrade],
        )
    except (site_lock.Failure, ValueError) as error:
        raise click.ClickException(f"no lock is made: {error}") from None
    changed = site_lock.changes(site.present, after)
    notes = upgrade_notes.advice(
        upgrade_notes.locked_text(site.present), upgrade_notes.locked_text(after)
    )
    if not dry:
        for path, text in ((source, wanted), (site.lock_path, after)):
            regular_file.replace(path, text.encode(), 0o644)
    line = None if site.own else f'"web_requirements": "{site.lock_path.name}",'
    if as_json:
        entries = [[each.package, each.before, each.after] for each in changed]
        data = {"schema": SCHEMA, "lock": str(site.lock_path), "changes": entries}
        click.echo(json.dumps({**data, "notes": notes, "inventory": line}, indent=1))
        return exit_status.OK
    for each in changed:
        click.echo(f"{each.package:<28}{each.before or '-':<12} → {each.after or '-'}")
    if not changed:
        click.echo("All versions are those of the present lock.")
    for note in notes:
        click.echo(note, err=True)
    if not dry:
        click.echo(f"Written: {site.lock_path}")
        if line:
            click.echo(f"The inventory needs this line:\n    {line}")
    return exit_status.OK


def _base(source: Path) -> str:
    """Return the site's requirements, or the bundle's for a site that has none yet."""
    from ..site_lock import APP

    if source.is_file():
        return source.read_text(encoding="utf-8")
    lines = (APP / "requirements.in").read_text(encoding="utf-8").splitlines(keepends=True)
    return HEADER + "".join(line for line in lines if not line.startswith("#"))
