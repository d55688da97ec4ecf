"""`./run status`: the state of OMERO.web on all hosts of a site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from . import destination, host_options, report
from .report import Report

_HEAD = ("HOST", "STATUS", "OMERO.WEB", "WORKERS", "SESSIONS", "MAINTENANCE", "WARNINGS")


@click.command()
@destination.argument
@host_options.add
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def status(inventory: str, as_json: bool) -> int:
    """Show the state of OMERO.web on all hosts of a site, in one table.

    It runs `omeroweb-ops status` on each web host. Exit status: the worst of the hosts: 0 OMERO.web
    is up without warnings, 1 it is up with warnings, 2 it is down or the host gives no report.
    """
    reports = report.collect("omeroweb-ops status --json", (*host_options.given(), inventory))
    if as_json:
        report.print_json(reports)
    else:
        report.show(reports, _HEAD, _row, lambda each: each.status, _details)
    return report.worst(reports)


def _row(each: Report) -> tuple[str, ...]:
    if each.error:
        return (each.host, "no report", *["-"] * (len(_HEAD) - 2))
    content = each.content
    active = _part(_part(content, "releases"), "serves")
    workers, metrics = _part(content, "workers"), _part(content, "metrics")
    found = (
        content.get("status"),
        active.get("omero_web"),
        workers.get("present"),
        metrics.get("sessions"),
        "on" if content.get("maintenance") else "off",
        len(report.entries(content, "warnings")),
    )
    return (each.host, *("-" if value is None else report.text(value) for value in found))


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of the report; a part that is not known is empty."""
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _details(each: Report) -> Iterator[str]:
    """Yield a host's warnings, or why it gives no report."""
    if each.error:
        yield f"{each.host}: {report.text(each.error)}"
    for warning in report.entries(each.content, "warnings"):
        message = report.text(f"{warning.get('check')}: {warning.get('message')}")
        yield f"{each.host}: {message}"
        if warning.get("remedy"):
            yield f"    → {report.text(warning['remedy'])}"
