"""Run commands on a host while later operations run there, and wait for them.

The commands have the deploy's lock, as all others: a deploy that follows a killed one waits for
them to end.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

import gevent
from pyinfra import host as current_host
from pyinfra import logger
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.util import print_host_combined_output
from pyinfra.connectors.util import CommandOutput

from . import run_context
from .connector import connector_arguments

if TYPE_CHECKING:
    from pyinfra.api.arguments import ConnectorArguments


_Greenlet: TypeAlias = "gevent.Greenlet[..., CommandOutput | None]"


@dataclass(eq=False)
class _Tasks:
    """The greenlets of a host that run commands, by name."""

    greenlets: dict[str, _Greenlet] = field(default_factory=dict)


def start(
    name: str, commands: Sequence[StringCommand], *, print_output: bool = False
) -> FunctionCommand:
    """Return an operation's command that starts others, which run in their order.

    name: for `wait`. print_output: print each line at once, and not only if a command fails.
    """
    return FunctionCommand(_start, (name, tuple(commands), print_output), {})


def _start(
    state: State, host: Host, name: str, commands: tuple[StringCommand, ...], print_output: bool
) -> bool:
    context = run_context.of(state)
    tasks = context.get(_Tasks, host.name) or _Tasks()
    context.put(tasks, host.name)
    arguments = cast("ConnectorArguments", connector_arguments(host))
    prints = print_output or state.print_output

    def run() -> CommandOutput | None:
        """Run the commands, and return the output of the one that fails."""
        for command in commands:
            done, output = host.run_shell_command(
                command,
                print_output=prints,
                print_input=state.print_input,
                **{**arguments, **command.connector_arguments},
            )
            if not done:
                return CommandOutput([] if prints else output.combined_lines)
        return None

    tasks.greenlets[name] = gevent.spawn(run)
    return True


@operation()
def wait(task: str) -> Generator[FunctionCommand, None, None]:
    """Wait until commands have ended, if they were started in this run, and fail if one has failed.

    + task: the name that `start` got
    """
    tasks = run_context.of(current_host.state).get(_Tasks, current_host.name)
    if tasks and task in tasks.greenlets:
        yield FunctionCommand(_wait, (tasks.greenlets.pop(task),), {})


def _wait(state: State, host: Host, greenlet: _Greenlet) -> bool:
    """Return whether all commands have succeeded.\n
    pyinfra reads a function's result only if the function takes `state` and `host`.
    """
    try:
        failed = greenlet.get()
    except (TimeoutError, OSError, EOFError) as error:  # the connection is lost
        host.log_styled(str(error) or type(error).__name__, fg="red", log_func=logger.error)
        return False
    if failed is not None:
        print_host_combined_output(host, failed)
    return failed is None
