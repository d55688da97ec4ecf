"""Run a command as root on each web host of a site, through pyinfra, and keep the answers."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from . import pyinfra_run
from .pyinfra_run import Run

if TYPE_CHECKING:
    from pyinfra.api import Host

TIMEOUT = 300  # seconds for a command on a host; the doctor may wait for several timeouts
_END = "omeroweb-ops: exit status "
_NOT_ROOT = (
    "the user is not root and cannot use sudo without a password; use --use-sudo-password, or "
    "connect as root"
)
_COLLECT = f"{__name__}.collect"
# Of the run in this process: pyinfra calls `collect` by its dotted name, without arguments.
_command = ""
_follow = False
_answers: dict[str, Answer] = {}


@dataclass(frozen=True)
class Answer:
    """What a command printed on a host, and how it ended. status: None if it could not run."""

    status: int | None
    output: str
    error: str = ""


def ask(command: str, *arguments: str, follow: bool = False) -> tuple[dict[str, Answer], Run]:
    """Run a command on each web host; a host that cannot be reached has an answer as well.

    arguments: pyinfra's options and its inventory. A host of another group is left out. follow:
    print each line on standard output as soon as a host prints it.
    """
    global _command, _follow
    _command, _follow = command, follow
    _answers.clear()
    run = pyinfra_run.ask(*arguments, _COLLECT, is_silent=not follow)
    for host in run.hosts:
        if host in run.failed:
            _answers[host] = Answer(None, "", run.reason(host))
    return {host: _answers[host] for host in run.hosts if host in _answers}, run


def collect() -> None:
    """Run the command on the host that pyinfra prepares.

    An error is an answer, because an exception would end the run for the other hosts as well.
    """
    from pyinfra import host

    if _has_web(host.groups):
        try:
            _answers[host.name] = _run(host)
        except Exception as error:  # of the network, of sudo, or a timeout
            reason = f"no answer: {type(error).__name__} {error}".strip()
            _answers[host.name] = Answer(None, "", reason)


def _run(host: Host) -> Answer:
    from pyinfra.api import StringCommand
    from pyinfra.api.output import set_echo

    from ..operations.facts import FIRST_LINE, own_lines
    from ..survey.fact import ask as survey

    privilege = survey(host).privilege
    if _follow:
        set_echo(_print)
    script = f"echo '{FIRST_LINE}'\n({_command}\n)\necho '{_END}'$?"
    done, output = host.run_shell_command(
        StringCommand(script),
        print_output=_follow,
        _sudo=privilege == "sudo",
        _shell_executable="sh",
        _get_pty=_follow,  # so that the command ends with the connection
        _timeout=None if _follow else TIMEOUT,
    )
    lines = own_lines(output.stdout_lines)
    found = re.fullmatch(f"{_END}(\\d+)", lines[-1]) if lines else None
    status = int(found[1]) if done and found else None
    error = _NOT_ROOT if privilege == "none" else output.stderr
    return Answer(status, "\n".join(lines[:-1]), error)


def _print(line: str, err: bool = False) -> None:
    """Print a line of a host, as pyinfra's function `echo`."""
    from ..operations.facts import FIRST_LINE

    if FIRST_LINE not in line:
        click.echo(line.rstrip("\r"), file=sys.__stdout__)


def _has_web(groups: list[str]) -> bool:
    """Return whether a host has OMERO.web: a host without any role's group is asked, too."""
    return "web" in groups or not {"redis", "nginx"} & {*groups}


def problems(answers: Mapping[str, Answer], run: Run) -> list[str]:
    """Return why nothing is known of any host."""
    if answers:
        return []
    return run.problems() or ["no host of the inventory has OMERO.web (group web)"]
