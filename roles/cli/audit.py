"""`./run audit`: known vulnerabilities in the locks and on the hosts."""

from __future__ import annotations

import click

from . import host_options
from .destination import Destination


@click.command()
@click.argument("inventory", metavar="[DESTINATION]", type=Destination(), required=False)
@click.option(
    "--service",
    type=click.Choice(["osv", "pypi"]),
    default="osv",
    show_default=True,
    help="The vulnerability service.",
)
@click.option("--osv-url", metavar="URL", help="The query URL of an OSV mirror.")
@host_options.add
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def audit(inventory: str | None, service: str, osv_url: str | None, as_json: bool) -> int:
    """Report known vulnerabilities in the locks and, with DESTINATION, on a site's hosts.

    Exit status: 0 if none is known; 1 if one is known, or if a host lacks security updates; 2 if
    a host cannot be audited; 3 if the service is unreachable.
    """
    from .. import audit as vulnerabilities  # imports pyinfra

    return vulnerabilities.run(inventory, service, osv_url, host_options.given(), as_json=as_json)
