"""Let hosts do something in turn, while other hosts of the same operation need no turn.

pyinfra's own `_serial` is for a whole operation, and continues after a host that has failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from gevent.lock import BoundedSemaphore
from pyinfra import logger
from pyinfra.api import FunctionCommand, Host, State, StringCommand
from pyinfra.api.util import print_host_combined_output

from . import run_context
from .connector import connector_arguments

if TYPE_CHECKING:
    from pyinfra.api.arguments import ConnectorArguments


@dataclass(eq=False)
class _Turns:
    """failed: the name of the host whose command has failed, after which no host has a turn."""

    turn: BoundedSemaphore = field(default_factory=BoundedSemaphore)
    failed: str = ""


def in_turn(command: str) -> FunctionCommand:
    """Return an operation's command that runs shell while no other host does.

    After a failure, the command fails on the hosts that follow, without being run.
    """
    return FunctionCommand(_run, (command,), {})


def _run(state: State, host: Host, command: str) -> bool:
    context = run_context.of(state)
    turns = context.get(_Turns) or _Turns()
    context.put(turns)
    arguments = cast("ConnectorArguments", connector_arguments(host))
    with turns.turn:
        if turns.failed:
            reason = f"left as it is, because {turns.failed} has failed"
            host.log_styled(reason, fg="red", log_func=logger.error)
            return False
        done, output = StringCommand(command).execute(state, host, arguments)
        if not done:
            turns.failed = host.name
            if not state.print_output:
                print_host_combined_output(host, output)
        return bool(done)
