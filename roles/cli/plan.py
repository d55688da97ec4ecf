"""`./run plan`: show what a deploy would change, and change nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import click

from . import destination, exit_status, host_options, pyinfra_run
from .pyinfra_run import Run

SCHEMA = 1  # of the JSON; a new field does not change it
_PROPERTY = "OMERO.web: "  # of the lines in which a dry run shows the properties that change
_NONE = "no property differs"  # the line if there is none
_QUIET = ("Connected", "Ready:")
_BUILD = "OMERO.web | Build release"


@dataclass(frozen=True)
class Plan:
    """What a deploy would do on one host.

    operations: those that would change something, in their order. configuration: the properties of
    OMERO.web that would change, and those that were set manually, one line each. notes: everything
    else that the dry run says. errors: why the deploy would fail.
    """

    host: str
    operations: tuple[str, ...]
    configuration: tuple[str, ...]
    notes: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def has_changes(self) -> bool:
        """Whether a deploy would change something."""
        return bool(self.operations)


def plans(run: Run) -> list[Plan]:
    """Return the plan of each host of a dry run."""
    return [_plan(run, host) for host in run.hosts]


def _plan(run: Run, host: str) -> Plan:
    lines = [each.text for each in run.messages if each.host == host]
    shown = [line.removeprefix(_PROPERTY) for line in lines if line.startswith(_PROPERTY)]
    found = _operations(run, host)
    return Plan(
        host,
        found,
        tuple(line for line in shown if line != _NONE),
        tuple(line for line in lines if not line.startswith((*_QUIET, _PROPERTY))),
        () if _BUILD in found else _findings(run, host),
    )


def _operations(run: Run, host: str) -> tuple[str, ...]:
    """Return the names of the operations that would change something on a host."""
    from pyinfra_cli.prints import build_plan_json

    return tuple(
        each["name"]
        for each in build_plan_json(run.state)
        if host in each["hosts_with_change"] + each["hosts_with_conditional_change"]
    )


def _findings(run: Run, host: str) -> tuple[str, ...]:
    """Return what the host's active release refuses, which a new release may accept."""
    from ..operations import run_context
    from ..web.configuration import PendingWork

    assert run.state is not None
    pending = run_context.of(run.state).get(PendingWork, host)
    return tuple(pending.findings) if pending else ()


def text(plan: Plan) -> str:
    """Describe a host's plan, with the operations of a role in one line."""
    if not plan.has_changes:
        lines = [f"{plan.host}: nothing would change"]
    else:
        count = len(plan.operations)
        lines = [f"{plan.host}: {count} step{'s'[: count != 1]} would change something"]
    roles: dict[str, list[str]] = {}
    for name in plan.operations:
        role, _, what = name.rpartition(" | ")
        roles.setdefault(role or "Site", []).append(what)
    lines += [f"  {role}: {', '.join(each)}" for role, each in roles.items()]
    lines += [f"    {line}" for line in plan.configuration]
    return "\n".join([*lines, *(f"  {line}" for line in plan.notes)])


@click.command()
@destination.argument
@host_options.add
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def plan(inventory: str, as_json: bool) -> int:
    """Show what a deploy of a site would change, host by host. It changes nothing.

    Exit status: 0 nothing would change, 2 something would change, 1 an error.
    """
    run = pyinfra_run.ask(*host_options.given(), inventory, pyinfra_run.DEPLOY)
    if run.status or run.failed:
        errors = [f"{host}: {run.reason(host)}" for host in sorted(run.failed)]
        return _failure([*errors, *run.problems()], as_json)
    found = plans(run)
    errors = [f"{each.host}: {error}" for each in found for error in each.errors]
    if errors:
        return _failure(errors, as_json)
    changes = any(each.has_changes for each in found)
    if as_json:
        click.echo(json.dumps(_json(inventory, found, run), indent=1))
    else:
        for line in run.problems():
            click.secho(f"warning: {line}", fg="yellow", err=True)
        for each in found:
            click.echo(text(each))
        click.echo(_summary(inventory, found))
    return exit_status.CHANGES if changes else exit_status.OK


def _summary(inventory: str, found: list[Plan]) -> str:
    count = sum(each.has_changes for each in found)
    hosts = f"{count} of {len(found)} host{'s'[: len(found) != 1]}"
    if not count:
        return "Nothing would change."
    return f"{hosts} would change. ./run deploy {inventory} makes the changes."


def _json(inventory: str, found: list[Plan], run: Run) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "inventory": inventory,
        "changes": any(each.has_changes for each in found),
        "warnings": run.problems(),
        "hosts": {
            each.host: {
                "changes": each.has_changes,
                "operations": [*each.operations],
                "configuration": [*each.configuration],
                "notes": [*each.notes],
            }
            for each in found
        },
    }


def _failure(errors: list[str], as_json: bool) -> int:
    """Report why there is no plan, and return the exit status."""
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, "errors": errors}, indent=1))
    for error in errors:
        click.secho(error, fg="red", err=True)
    return exit_status.ERROR
