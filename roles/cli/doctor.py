"""`./run doctor`: check the site's public URL from each web host, as a visitor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from . import destination, host_options, report
from .report import Report

_HEAD = ("HOST", "URL", "OK", "WARNINGS", "ERRORS")
_KINDS = ("ok", "warning", "error")


@click.command()
@destination.argument
@host_options.add
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def doctor(inventory: str, as_json: bool) -> int:
    """Check the public URL as a visitor, from each web host, and name the setting to change.

    It runs `omeroweb-ops doctor` on each web host. Exit status: the worst of the hosts: 0 no error,
    1 an error, 2 not checked.
    """
    reports = report.collect("omeroweb-ops doctor --json", (*host_options.given(), inventory))
    if as_json:
        report.print_json(reports)
    else:
        report.show(reports, _HEAD, _row, _colour, _details)
    return report.worst(reports)


def _checks(each: Report) -> list[Mapping[str, Any]]:
    return report.entries(each.content, "checks")


def _row(each: Report) -> tuple[str, ...]:
    if each.error:
        return (each.host, "not checked", *["-"] * len(_KINDS))
    found = [check.get("status") for check in _checks(each)]
    url = report.text(each.content.get("url"))
    return (each.host, url, *(str(found.count(kind)) for kind in _KINDS))


def _colour(each: Report) -> int:
    """Return the status for the colour of a row: a warning has exit status 0."""
    has_warning = any(check.get("status") == "warning" for check in _checks(each))
    return 1 if has_warning and not each.status else each.status * 2


def _details(each: Report) -> Iterator[str]:
    """Yield what is not well on a host, or why nothing was checked."""
    if each.error:
        yield f"{each.host}: {report.text(each.error)}"
    for check in _checks(each):
        if check.get("status") != "ok":
            yield report.text(
                f"{each.host}: {check.get('status')}: {check.get('name')}: {check.get('message')}"
            )
            if check.get("setting"):
                yield f"    → {report.text(check['setting'])}"
