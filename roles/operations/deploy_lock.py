"""Allow one deploy at a time on a host, and report who deploys, from where and since when.

The host keeps the lock (deploy_lock.sh). locked_command.sh runs each command of a deploy only while
no other deploy has the lock, and renews the lock. `_keep_alive` renews the lock while the deploy is
busy on other hosts. If the controller is killed, the command that runs on the host keeps the lock
until the command ends. Otherwise the lock is free a minute later, and at once for a deploy from the
same machine, which sees that the process has ended. `_survey_all` in roles/preflight/__init__.py
waits for the lock.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shlex
import socket
import sys
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import gevent
from pyinfra import host as current_host
from pyinfra import logger
from pyinfra.api import Host, State, operation
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.state import BaseStateCallback, StateStage

from . import run_context, shell_file
from .facts import BooleanFact, fail
from .lock_holder import PLACE, Holder, start_time

SCRIPT = (Path(__file__).parent / "deploy_lock.sh").read_text("utf-8")
TIMEOUT = 900.0  # seconds to wait for another deploy; building zeroc-ice takes minutes
RENEWAL = 20.0  # seconds, a third of the time after which the lock expires on the host
_PAUSE = 15  # seconds that one remote call waits for the lock

_SHELL = shell_file.read(__file__, "locked_command.sh")


@dataclass(eq=False)
class DeployLock:
    """The locks of one deploy. held: names of the hosts that it has locked."""

    token: str = field(default_factory=lambda: secrets.token_hex(16))
    surveyed: dict[str, Holder] = field(default_factory=dict)
    sudo: dict[str, bool] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    has_failed: bool = False

    def note(self, host: Host, holder: Holder, *, sudo: bool) -> None:
        """Store what the survey reports about a host's lock."""
        self.surveyed[host.name], self.sudo[host.name] = holder, sudo
        if holder.state == "taken":
            self.held.add(host.name)

    def shell(self, host: Host, *, last: bool = False) -> str:
        """Return the shell for this deploy's commands. last: it is the last command on the host."""
        seen = self.surveyed[host.name].token
        return f"sh -c {shlex.quote(_SHELL)} {self.token} '{seen}' {'last' if last else 'more'}"

    def take(self, *, ended: str = "") -> str:
        """Return shell for the survey to take the lock. ended: a token whose deploy has ended."""
        return f'{self._arguments("take", ended)}"$from"{_DEPLOYS}'

    def take_after(self, host: Host) -> str:
        """Return shell to take the lock only if no other deploy has taken it since the survey."""
        seen = self.surveyed[host.name]
        origin = f" ({seen.origin})" if seen.origin else ""
        return f"{self._arguments('take_after', seen.token)}{shlex.quote(origin)}{_DEPLOYS}"

    def _arguments(self, action: str, other: str) -> str:
        process = f"{PLACE}:{os.getpid()}:{start_time(os.getpid())}"
        return shlex.join([action, self.token, other, process, _who()])

    def run(self, host: Host, command: str) -> bool:
        """Run a function of deploy_lock.sh on a host, without the lock. Return its success."""
        done, _output = host.run_shell_command(
            StringCommand(f"{SCRIPT}\n{command}"),
            _sudo=self.sudo[host.name],
            _shell_executable="sh",
        )
        return done

    def give_back(self, host: Host) -> None:
        """Give back a host's lock."""
        if host.name in self.held:
            self.held.discard(host.name)
            self.run(host, f"give_back {self.token}")

    def give_back_all(self, hosts: Iterable[Host]) -> None:
        """Give back the locks of several hosts."""
        for host in hosts:
            self.give_back(host)


LOOK = "prepare && false"  # shell for the survey: report the holder, do not take the lock
_DEPLOYS = "' has been deploying to this host'"


def of(state: State) -> DeployLock:
    """Return the locks of this run of pyinfra."""
    context = run_context.of(state)
    lock = context.get(DeployLock)
    if lock is None:
        lock = DeployLock()
        context.put(lock)
        state.add_callback_handler(_Failure())
        gevent.spawn(_keep_alive, state)
    return lock


def is_taken_at_once(state: State) -> bool:
    """Return whether the survey takes the lock: with `-y`, but not in a dry run."""
    options = {"--dry", "--debug-facts", "--debug-operations"}
    return not state.check_for_changes and not options & set(sys.argv)


@operation()
def take() -> Generator[PyinfraCommand, None, None]:
    """Take a host's lock, if the user has confirmed the deploy after the survey (without `-y`)."""
    host, lock = current_host, of(current_host.state)
    if not host.state.is_executing or host.name in lock.held:
        return
    if not lock.run(host, lock.take_after(host)):
        yield fail(
            "another deploy has begun on this host since the survey; deploy again "
            "when that deploy has ended"
        )
        return
    lock.held.add(host.name)


@operation()
def give_back() -> Generator[PyinfraCommand, None, None]:
    """Give back a host's lock. After a host's last command, the shell does this itself."""
    if current_host.state.is_executing:
        of(current_host.state).give_back(current_host)
    yield from ()


class IsFree(BooleanFact):
    """Whether the lock of a host is free within _PAUSE seconds."""

    shell_executable = "sh"

    def command(self) -> str:
        return f"{SCRIPT}\nif wait_until_free {_PAUSE}; then echo yes; fi"


class _Failure(BaseStateCallback):
    """Ends the run on all hosts after a failed operation on one, and gives the locks back.

    Otherwise pyinfra would continue with the web hosts after Redis has failed. Without `-y` it asks
    the user (pyinfra_cli/cli.py, should_raise_failed_hosts). A FAIL_PERCENT that a deploy sets is
    gone after the preparation of the first host (pyinfra.api.config, reset_locked_state).
    """

    @staticmethod
    def operation_host_error(
        state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        state.config.FAIL_PERCENT = 0
        state.should_raise_failed_hosts = None
        lock = of(state)
        lock.has_failed = True
        for each in state.inventory.get_active_hosts():
            if each is host or each.executing_op_hash is None:  # the others: operation_host_success
                lock.give_back(each)

    @staticmethod
    def operation_host_success(
        state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        if of(state).has_failed:
            of(state).give_back(host)


def _keep_alive(state: State) -> None:
    """Renew the lock of each host every RENEWAL seconds until the deploy ends."""
    while state.current_stage <= StateStage.Execute:
        gevent.sleep(RENEWAL)
        lock = of(state)
        hosts = [host for host in state.inventory.get_active_hosts() if host.name in lock.held]
        gevent.joinall([gevent.spawn(_keep, lock, host) for host in hosts], timeout=RENEWAL)


def _keep(lock: DeployLock, host: Host) -> None:
    try:
        lock.run(host, f"keep {lock.token}")
    except Exception as error:  # a lost connection: the deploy's own commands report it
        logger.debug(f"{host.name}: the lock could not be renewed: {error}")


def _who() -> str:
    """Return user@host of this machine in plain ASCII."""
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    return re.sub(r"[^\w.@-]", "?", f"{user}@{socket.gethostname()}", flags=re.ASCII)
