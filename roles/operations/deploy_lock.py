"""One deploy at a time on a host, for the whole of the deploy: who, from where and since when.

The host keeps the lock (deploy_lock.sh). Each command of a deploy goes through SHELL, which lets it
run only while nobody else has taken the lock, and says that the owner is alive. A deploy that has
nothing to run on a host for a while, since it is busy on another, says so by `keep_alive`. A
controller that was killed says nothing any more: the lock is free a minute later, and at once for a
deploy from the same machine, which sees that the process is gone.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shlex
import socket
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gevent
from pyinfra import host as current_host
from pyinfra import logger
from pyinfra.api import Host, State, operation
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.state import BaseStateCallback, StateStage

from . import run_context
from .facts import BooleanFact, fail

SCRIPT = (Path(__file__).parent / "deploy_lock.sh").read_text("utf-8")
TIMEOUT = 900.0  # seconds to wait for another deploy; building zeroc-ice takes minutes
RENEWAL = 20.0  # seconds, a third of what the host waits for
_PAUSE = 15  # seconds that one remote call waits

# Called as `SHELL -c COMMAND`: $0 is the deploy's token, $1 the one that the survey has seen,
# $2 `last` where the deploy has nothing to do on the host afterwards. As `flock -o`, it holds the
# lock of commands itself, and what the command leaves running does not. Without root, pyinfra
# removes its own temporary file. Programs report in the C locale, whatever that of the user who
# logs in is: digests of what they print must not depend on it.
_SHELL = """
umask 022
export LC_ALL=C
if [ "$(id -u)" != 0 ]; then shift 2; exec sh "$@"; fi
lock=/run/omeroweb-ops
exec 9>> $lock/command && flock 9 || exit 75
{ read -r now < $lock/owner; } 2> /dev/null
case "$now" in
  "$0") cut -d. -f1 /proc/uptime > $lock/renewed ;;
  "$1") ;;
  *) echo "omeroweb-ops: this deploy ends here, since another has begun:" \
      "$(sed -n 3p $lock/owner)" >&2; exit 75 ;;
esac
export OMEROWEB_OPS_DEPLOY="$0"
last=$2
shift 2
sh "$@" 9>&-
status=$?
[ "$now" != "$0" ] || if [ "$last" = last ]; then rm -f $lock/renewed
else cut -d. -f1 /proc/uptime > $lock/renewed; fi
exit $status
"""


@dataclass(frozen=True)
class Holder:
    """Who has the lock of a host, as the survey says.

    state: taken (by the deploy that asks), free, alive (its owner is) or running (a command is).
    token, process: of who has it or had it last. sentence: for people. origin: the address from
    which the deploy that asks comes.
    """

    state: str = "free"
    token: str = ""
    process: str = ""
    sentence: str = "another deploy is under way"
    origin: str = ""

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Holder:
        """From the survey's values."""
        names = ("state", "token", "process", "sentence", "origin")
        found = {name: values.get(f"lock_{name}", "") for name in names}
        return cls(**{name: value for name, value in found.items() if value})

    @property
    def is_gone(self) -> bool:
        """Whether its process was one of this machine that has ended: nothing will come of it."""
        place, pid, start = (["", "", *self.process.rsplit(":", 2)])[-3:]
        return place == _PLACE and self.state == "alive" and _start(pid) != start


NOBODY = Holder()


def _start(pid: str | int) -> str | None:
    """When a process of this machine was started, in the kernel's own units; None without one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]  # proc(5), field 22


def _place() -> str:
    """The boot and the namespace in which a process id means something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
        return f"{boot}:{re.sub(r'[^0-9]', '', os.readlink('/proc/self/ns/pid'))}"
    except OSError:
        return secrets.token_hex(8)


_PLACE = _place()


@dataclass(eq=False)
class DeployLock:
    """This deploy's part in the locks of its hosts. held: names of the hosts that are locked."""

    token: str = field(default_factory=lambda: secrets.token_hex(16))
    surveyed: dict[str, Holder] = field(default_factory=dict)
    sudo: dict[str, bool] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    has_failed: bool = False

    def note(self, host: Host, holder: Holder, *, sudo: bool) -> None:
        """What the survey says of a host."""
        self.surveyed[host.name], self.sudo[host.name] = holder, sudo
        if holder.state == "taken":
            self.held.add(host.name)

    def shell(self, host: Host, *, last: bool = False) -> str:
        """pyinfra's shell for the commands of this deploy. last: nothing follows on the host."""
        seen = self.surveyed[host.name].token
        return f"sh -c {shlex.quote(_SHELL)} {self.token} '{seen}' {'last' if last else 'more'}"

    def take(self, *, ended: str = "") -> str:
        """Shell of the survey: take the lock. ended: a token that has no owner any more."""
        return f'{self._arguments("take", ended)}"$from"{_DEPLOYS}'

    def take_after(self, host: Host) -> str:
        """Shell: take it as it was when the survey saw it, or say who has come meanwhile."""
        seen = self.surveyed[host.name]
        origin = f" ({seen.origin})" if seen.origin else ""
        return f"{self._arguments('take_after', seen.token)}{shlex.quote(origin)}{_DEPLOYS}"

    def _arguments(self, action: str, other: str) -> str:
        process = f"{_PLACE}:{os.getpid()}:{_start(os.getpid())}"
        return shlex.join([action, self.token, other, process, _who()])

    def run(self, host: Host, command: str) -> bool:
        """Run a function of deploy_lock.sh on a host, outside the lock itself."""
        done, _output = host.run_shell_command(
            StringCommand(f"{SCRIPT}\n{command}"),
            _sudo=self.sudo[host.name],
            _shell_executable="sh",
        )
        return done

    def give_back(self, host: Host) -> None:
        """Let others deploy to a host."""
        if host.name in self.held:
            self.held.discard(host.name)
            self.run(host, f"give_back {self.token}")


LOOK = "prepare && false"  # shell of the survey: say who has the lock, and take nothing
_DEPLOYS = "' has been deploying to this host'"


def of(state: State) -> DeployLock:
    """The lock of this run of pyinfra."""
    context = run_context.of(state)
    lock = context.get(DeployLock)
    if lock is None:
        lock = DeployLock()
        context.put(lock)
        state.add_callback_handler(_Failure())
        gevent.spawn(_keep_alive, state)
    return lock


def is_taken_at_once(state: State) -> bool:
    """With `-y`: nobody is asked before the deploy begins. A dry run takes no lock."""
    options = {"--dry", "--debug-facts", "--debug-operations"}
    return not state.check_for_changes and not options & set(sys.argv)


@operation()
def take() -> Generator[PyinfraCommand, None, None]:
    """Take the lock of a host as the survey saw it, where a person was asked before the deploy."""
    host, lock = current_host, of(current_host.state)
    if not host.state.is_executing or host.name in lock.held:
        return
    if not lock.run(host, lock.take_after(host)):
        yield fail(
            "another deploy has begun on this host since it was looked at; deploy again "
            "when it has ended"
        )
        return
    lock.held.add(host.name)


@operation()
def give_back() -> Generator[PyinfraCommand, None, None]:
    """Let others deploy; where something is run to the end anyway, the shell does that."""
    if current_host.state.is_executing:
        of(current_host.state).give_back(current_host)
    yield from ()


class IsFree(BooleanFact):
    """Whether the lock of a host is free within _PAUSE seconds."""

    shell_executable = "sh"

    def command(self) -> str:
        return f"{SCRIPT}\nif wait_until_free {_PAUSE}; then echo yes; fi"


class _Failure(BaseStateCallback):
    """A deploy that has failed gives its locks back: nothing follows on any host."""

    @staticmethod
    def operation_host_error(
        state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        lock = of(state)
        lock.has_failed = True
        for each in state.inventory.get_active_hosts():
            if each is host or each.executing_op_hash is None:  # the others follow below
                lock.give_back(each)

    @staticmethod
    def operation_host_success(
        state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        if of(state).has_failed:
            of(state).give_back(host)


def _keep_alive(state: State) -> None:
    """Say to each host that the deploy is alive, also while it has nothing to do there."""
    while state.current_stage <= StateStage.Execute:
        gevent.sleep(RENEWAL)
        lock = of(state)
        hosts = [host for host in state.inventory.get_active_hosts() if host.name in lock.held]
        gevent.joinall([gevent.spawn(_keep, lock, host) for host in hosts], timeout=RENEWAL)


def _keep(lock: DeployLock, host: Host) -> None:
    try:
        lock.run(host, f"keep {lock.token}")
    except Exception as error:  # a connection that is lost: the deploy's own commands say so
        logger.debug(f"{host.name}: the lock could not be renewed: {error}")


def _who() -> str:
    """The person at this machine, in plain letters."""
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    return re.sub(r"[^\w.@-]", "?", f"{user}@{socket.gethostname()}", flags=re.ASCII)
