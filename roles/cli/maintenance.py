"""`./run maintenance`: show visitors the maintenance page, or OMERO.web again."""

from __future__ import annotations

import click

from . import destination, host_options, pyinfra_run


@click.command()
@click.argument("switch", type=click.Choice(["on", "off"]))
@destination.argument
@host_options.add
@click.option("--message", metavar="TEXT", help="The text of the page.")
@click.option("--until", metavar="TIME", help="The expected end. Example: 18:00")
def maintenance(switch: str, inventory: str, message: str | None, until: str | None) -> int:
    """Begin or end planned maintenance on all NGINX hosts of a site.

    Visitors get the maintenance page with status 503 until `off`.
    """
    given = {"message": message, "until": until}
    if switch == "off" and any(value is not None for value in given.values()):
        raise click.UsageError("--message and --until belong to `on`")
    words = [f"{name}={value}" for name, value in given.items() if value is not None]
    what = f"roles.nginx.maintenance.{switch}"
    return pyinfra_run.show("-y", *host_options.given(), inventory, what, *words)
