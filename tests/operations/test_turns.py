"""Commands that one host runs after the other, with pyinfra's real state and its greenlets."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from pyinfra.api import State, StringCommand
from pyinfra.connectors.util import CommandOutput

from roles.operations import turns


class Host:
    """Notes its commands; fails tells whether one does."""

    current_op_global_arguments = None

    def __init__(self, name: str, log: list[str], *, fails: bool = False) -> None:
        self.name, self.log, self.fails = name, log, fails
        self.print_prefix = f"[{name}] "

    def run_shell_command(self, command: StringCommand, **_: Any) -> tuple[bool, CommandOutput]:
        self.log.append(f"{self.name} begins {command}")
        gevent.sleep(0.01)
        self.log.append(f"{self.name} ends")
        return not self.fails, CommandOutput([])

    def log_styled(self, text: str, **_: Any) -> None:
        self.log.append(f"{self.name} is {text}")


def restart(state: State, hosts: list[Host]) -> list[bool]:
    """On all hosts at once, as pyinfra runs an operation."""
    found = turns.in_turn("restart")
    spawned = [gevent.spawn(found.function, state, host, *found.args) for host in hosts]
    gevent.joinall(spawned, timeout=30, raise_error=True)
    return [bool(each.value) for each in spawned]


def test_no_two_hosts_run_a_command_at_the_same_time(state: State) -> None:
    log: list[str] = []
    assert all(restart(state, [Host(name, log) for name in "abc"]))
    assert log == [f"{name} {what}" for name in "abc" for what in ("begins restart", "ends")]


def test_after_a_failure_the_other_hosts_stay_as_they_are(
    state: State, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []
    hosts = [Host("a", log), Host("b", log, fails=True), Host("c", log)]
    assert restart(state, hosts) == [True, False, False]
    assert log[-1] == "c is left as it is, because b has failed"
    assert not any(line.startswith("c begins") for line in log)
