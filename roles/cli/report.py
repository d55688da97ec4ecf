"""Combine the JSON reports of `omeroweb-ops` on several hosts: `status` and `doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click

from . import host_command
from .host_command import Answer

SCHEMA = 1  # of the JSON; a new field does not change it
UNKNOWN = 2  # the exit status of a host that gives no report, and of a service that is down
COLOURS = {0: "green", 1: "yellow"}


@dataclass(frozen=True)
class Report:
    """What `omeroweb-ops` reports of a host. error: why there is no report."""

    host: str
    status: int
    content: Mapping[str, Any]
    error: str = ""


def read(host: str, answer: Answer) -> Report:
    """Return the report in a host's answer, which may be anything: OMERO.web runs others' code."""
    try:
        content = json.loads(answer.output)
    except ValueError:
        content = None
    if answer.status is not None and isinstance(content, dict):
        return Report(host, answer.status, content)
    lines = [each for each in (answer.error or answer.output).splitlines() if each.strip()]
    return Report(host, UNKNOWN, {}, lines[-1] if lines else "no answer")


def collect(command: str, arguments: tuple[str, ...]) -> list[Report]:
    """Ask each web host. Raises ClickException if there is none."""
    answers, run = host_command.ask(command, *arguments)
    problems = host_command.problems(answers, run)
    if problems:
        raise click.ClickException("\n".join(problems))
    return [read(host, answer) for host, answer in answers.items()]


def entries(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return a list of a report, without what is not an entry; empty if there is no such list."""
    found = content.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def show(
    reports: list[Report],
    head: tuple[str, ...],
    row: Callable[[Report], tuple[str, ...]],
    colour: Callable[[Report], int],
    details: Callable[[Report], Iterator[str]],
) -> None:
    """Print a table with a row for each host, then the details of each host.

    colour: returns the exit status whose colour a row has.
    """
    rows = [head, *map(row, reports)]
    click.echo(table(rows, [None, *map(colour, reports)]))
    for each in reports:
        for line in details(each):
            click.echo(line)


def worst(reports: list[Report]) -> int:
    """Return the exit status of all hosts together."""
    return max(each.status for each in reports)


def print_json(reports: list[Report]) -> None:
    """Print the reports for programs. `report` is the JSON of the host's own command."""
    hosts = {
        each.host: {"exit_status": each.status}
        | ({"error": each.error} if each.error else {"report": each.content})
        for each in reports
    }
    click.echo(json.dumps({"schema": SCHEMA, "exit_status": worst(reports), "hosts": hosts}))


def table(rows: list[tuple[str, ...]], statuses: list[int | None]) -> str:
    """Return aligned rows, each in the colour of its exit status."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row, status in zip(rows, statuses, strict=True):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        colour = None if status is None else COLOURS.get(status, "red")
        lines.append(click.style(line.rstrip(), fg=colour, bold=True if status is None else None))
    return "\n".join(lines)


def text(value: object) -> str:
    """Return a value of a host's report as one line without control characters."""
    return "".join(each if each.isprintable() else "?" for each in str(value))
