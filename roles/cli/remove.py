"""`./run remove`: remove what deploys have made on the hosts of a site."""

from __future__ import annotations

import json
import sys

import click

from . import destination, host_options, site_run


@click.command()
@destination.argument
@click.option("--purge", is_flag=True, help="Remove configuration, sessions and logs, too.")
@click.option("--keep-packages", is_flag=True, help="Keep all packages of Debian.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@host_options.add
def remove(inventory: str, purge: bool, keep_packages: bool, yes: bool) -> int:
    """Remove OMERO.web, and what else deploys have made, from the hosts of a site.

    It shows what it will remove and what it keeps, and asks. The data are moved to a directory
    that only root can open, unless you say --purge. Exit status: 0 also if nothing is there.
    """
    options = [*host_options.given(), inventory]
    choices = [
        f"data={'remove' if purge else 'keep'}",
        f"packages={'keep' if keep_packages else 'remove'}",
    ]
    with site_run.shared_file() as file:
        number = f"descriptor={file.fileno()}"
        status = site_run.run(file, *options, "roles.remove.show", number, *choices, quiet=True)
        if status:
            return status
        plans = [json.loads(line) for line in site_run.content(file).decode().splitlines()]
        for host, lines in plans:
            click.echo("\n".join(describe(host, lines)))
        found = [line for _host, lines in plans for line in lines]
        refused = any(line.startswith("refuse ") for line in found)
        if refused or not any(line.startswith("remove ") for line in found):
            return int(refused)
        if not yes:
            if not sys.stdin.isatty():
                raise click.ClickException("nothing has been removed; say --yes to remove it")
            click.confirm("Remove all this?", abort=True)
        return site_run.run(file, *options, "roles.remove.remove", *choices)


def describe(host: str, lines: list[str]) -> list[str]:
    """Return lines for people about what would be done on one host."""
    if not any(line.startswith(("remove ", "refuse ")) for line in lines):
        kept = [f"  keep {line.removeprefix('keep ')}" for line in lines]
        return [f"{host}: there is nothing to remove", *kept]
    shown = [f"{host}:"]
    packages = [line.removeprefix("remove package ") for line in lines if _is_package(line)]
    shown += [f"  {line}" for line in lines if not _is_package(line)]
    if packages:
        shown.append(f"  remove packages {' '.join(packages)}")
    return shown


def _is_package(line: str) -> bool:
    return line.startswith("remove package ")
