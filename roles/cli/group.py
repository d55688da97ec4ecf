"""The group of the verbs. It imports a verb's module only if the verb is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from . import exit_status

# Each verb's module in this package, which has a click command of the verb's name. `run` finds a
# verb by its line here, and its usage text names each verb.
VERBS = {
    "audit": ".audit",
    "backup": ".backup",
    "completion": ".completion",
    "deploy": ".deploy",
    "doctor": ".doctor",
    "init": ".init",
    "lock": ".lock",
    "logs": ".logs",
    "maintenance": ".maintenance",
    "plan": ".plan",
    "remove": ".remove",
    "restore": ".restore",
    "status": ".status",
}
OTHERS = ("omeroweb-ops", "pyinfra", "pytest")  # commands of `./run` that are not verbs
PROGRAM = "./run"
COMPLETE = "_RUN_COMPLETE"  # the variable with which click's completion scripts call `./run`


class Group(click.Group):
    """The verbs, each imported at its first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb's command, None if there is no such verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(import_module(VERBS[cmd_name], __package__), cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a verb without importing it."""
        names = sorted([*VERBS, *OTHERS])
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
def group() -> None:
    """Deploy OMERO.web and look after it. `./run` alone shows what each command does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit status, which is the verb's own also for a wrong option.

    Arguments after `--` are pyinfra's: the context's `obj`.
    """
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    end = words.index("--") if "--" in words else len(words)
    failure = exit_status.failure(words[0] if words else None)
    try:
        status = group.main(
            words[:end],
            prog_name=PROGRAM,
            complete_var=COMPLETE,
            standalone_mode=False,
            obj=words[end + 1 :],
            color=False if os.environ.get("NO_COLOR") else None,  # https://no-color.org
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return failure
    except click.ClickException as error:
        error.show()
        return failure
    except click.Abort:
        click.echo("run: interrupted", err=True)
        return exit_status.INTERRUPTED
    return status if isinstance(status, int) else exit_status.OK
