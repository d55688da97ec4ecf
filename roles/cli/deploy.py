"""`./run deploy`: make the hosts what the inventory says."""

from __future__ import annotations

import click

from . import destination, host_options, pyinfra_run


@click.command()
@destination.argument
@host_options.add
@click.option("--ask", is_flag=True, help="Show the changes, and ask before making them.")
@click.option("-y", "--yes", is_flag=True, hidden=True, expose_value=False)  # as for pyinfra
def deploy(inventory: str, ask: bool) -> int:
    """Deploy a site: make its hosts what its inventory says.

    DESTINATION is a site's directory (production finds production/site.py), an inventory, or
    nothing for the site of the current directory. Arguments after -- are pyinfra's.
    """
    yes = [] if ask else ["-y"]
    return pyinfra_run.show(*yes, *host_options.given(), inventory, pyinfra_run.DEPLOY)
