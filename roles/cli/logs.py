"""`./run logs`: the end of OMERO.web's logs of all hosts of a site."""

from __future__ import annotations

import json

import click

from . import destination, exit_status, host_command, host_options, report

SCHEMA = 1  # of the JSON; a new field does not change it

# Runs the script, passes its output on without control characters, and returns its status.
_PRINTABLE = (
    "{{ {{ {{ ({command}) 2>&1; echo $? >&3; }} | without_control_characters >&4; }} 3>&1 | "
    '{{ read -r status && exit "$status"; }}; }} 4>&1'
)


@click.command()
@destination.argument
@host_options.add
@click.option("-n", "--lines", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option(
    "--log",
    "which",
    type=click.Choice(["all", "service", "application"]),
    default="all",
    show_default=True,
    help="service: starts, reloads and crashes; application: OMERO.web's own log.",
)
@click.option("-f", "--follow", is_flag=True, help="Print new lines until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def logs(inventory: str, lines: int, which: str, follow: bool, as_json: bool) -> int:
    """Print the end of OMERO.web's logs of all hosts of a site.

    Exit status: 0, or 1 if a host gives no log.
    """
    if follow and as_json:
        raise click.UsageError("--json and --follow exclude each other")
    from ..operations import shell_file
    from ..operations.privilege import with_functions

    script = shell_file.read(__file__, "logs.sh")
    command = shell_file.command(script, lines, "yes" if follow else "no", which)
    answers, run = host_command.ask(
        with_functions(_PRINTABLE.format(command=command)),
        *host_options.given(),
        inventory,
        follow=follow,
    )
    failures = host_command.problems(answers, run)
    if as_json:
        hosts = {host: answer.output.splitlines() for host, answer in answers.items()}
        click.echo(json.dumps({"schema": SCHEMA, "hosts": hosts}))
    for host, answer in answers.items():
        if answer.status:
            failures.append(f"{host}: {report.text(answer.error or answer.output)}")
        elif answer.status is None:
            failures.append(f"{host}: {report.text(answer.error)}")
        elif not follow and not as_json:
            prefix = f"[{host}] " if len(answers) > 1 else ""
            for line in answer.output.splitlines():
                click.echo(prefix + line)
    for failure in failures:
        click.secho(failure, fg="red", err=True)
    return exit_status.ERROR if failures else exit_status.OK
