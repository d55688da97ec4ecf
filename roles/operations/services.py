"""Run services under systemd, or under Debian's supervisor if systemd does not run.

A stamp has the digests of the configuration with which the service was last started and reloaded.
It is written last, so that the next run resumes a run that was killed anywhere. pyinfra's own
handlers would be lost.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FunctionCommand, operation

from ..host_paths import STAMPS, SUPERVISOR_PROGRAMS
from . import known_facts, prefetch_store, shell_file, turns
from .facts import HostFact
from .files import Directory, File, Item
from .prefetch import PYTHON

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SCRIPT = shell_file.read(__file__, "ensure_service.sh")
_PROGRAM = shell_file.read(__file__, "supervisor_program.py")
_SUPERVISOR = "/etc/supervisor/supervisord.conf"
_START_SECONDS = 100  # more than systemd's own start timeout (DefaultTimeoutStartSec=)


# Restrictions for every service of a site; systemd.exec(5) describes them. Each role adds its own.
RESTRICTIONS = (
    "KeyringMode=private",
    "LockPersonality=yes",
    "NoNewPrivileges=yes",
    "PrivateDevices=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
)


@dataclass(frozen=True)
class Socket:
    """A Unix socket that the manager opens. owner: `user:group`. backlog: listen(2)."""

    path: str
    owner: str
    mode: str = "0660"
    backlog: int = 4096


@dataclass(frozen=True)
class Service:
    """A service, and the shell commands by which it is checked, started and rolled back."""

    #: Name of the systemd unit and of supervisor's program; of a timer with `.timer`.
    name: str
    #: Command that runs the service in the foreground.
    command: str
    user: str = "root"
    environment: tuple[tuple[str, str], ...] = ()
    #: Current directory, from which Python programs may import.
    directory: str = "/"
    #: umask of the files that the service creates.
    umask: str = "022"
    #: Shell command; if its output changes, the service must be restarted.
    restart_on: str = "true"
    #: Shell command; if its output changes, the service must be reloaded.
    reload_on: str = "true"
    #: Shell command that succeeds if the running service has loaded the output of reload_on ($now).
    #: Users restart services, too.
    loaded: str = "true"
    #: Seconds that the service may take to stop.
    stop_seconds: int = 15
    #: Shell command that succeeds once the service is ready.
    ready: str = "true"
    #: Shell command that must succeed before a running service is reloaded.
    trial: str = "true"
    #: Shell command that rolls back a change after a failed trial, or if the service is not ready.
    back: str = "true"
    #: Shell command that starts the service after the rollback.
    again: str = "true"
    #: Shell command that prints the end of the service's log.
    log: str = "true"
    #: Whether a service that the bundle has not started is reloaded instead of restarted.
    adopts: bool = False
    #: Whether the manager holds the service's socket: in a socket unit of the same name, or in
    #: supervisor's `fcgi-program`.
    socket: bool = False
    #: Shell command that reloads the service under supervisor; none sends HUP.
    hand_over: str = ""

    @property
    def units(self) -> str:
        """The service's systemd units."""
        if self.name.endswith(".timer"):
            return self.name
        return f"{self.name}.socket {self.name}.service" if self.socket else f"{self.name}.service"

    def program(self, socket: Socket | None = None) -> File:
        """Return supervisor's configuration file for the service.

        socket: the socket of a service with `socket`, which the service gets as descriptor 0.
        """
        lines = [
            *([f"[program:{self.name}]"] if socket is None else self._socket_lines(socket)),
            f"command={self.command if self.user == 'root' else self._restricted()}",
            f"user={self.user}",
            f"directory={self.directory}",
            f"umask={self.umask}",
            "autorestart=true",
            "startretries=30",
            f"stopwaitsecs={self.stop_seconds}",
            "redirect_stderr=true",
            f"stdout_logfile=/var/log/supervisor/{self.name}.log",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=5",
        ]
        return File(f"{SUPERVISOR_PROGRAMS}/{self.name}.conf", "\n".join(lines) + "\n")

    def _socket_lines(self, socket: Socket) -> list[str]:
        return [
            f"[fcgi-program:{self.name}]",
            f"socket=unix://{socket.path}",
            f"socket_owner={socket.owner}",
            f"socket_mode={socket.mode}",
            f"socket_backlog={socket.backlog}",
        ]

    def _restricted(self) -> str:
        """Return the command without new privileges and without supervisord's environment.

        supervisord's variables may come from a session of root's.
        """
        environment = (("PATH", _PATH), ("LANG", "C.UTF-8"), *self.environment)
        assigned = " ".join(shlex.quote(f"{name}={value}") for name, value in environment)
        return f"/usr/bin/setpriv --no-new-privs -- /usr/bin/env -i {assigned} {self.command}"


def cron() -> Service:
    """Return the service of Debian's cron."""
    return Service(name="cron", command="/usr/sbin/cron -f")


def drop_in(drop_in: str, *settings: str, then: str = "true") -> list[Item]:
    """Return a drop-in that makes a Debian unit restart after every crash.

    settings: more lines of its [Service] section. then: a shell command after the file is written.
    """
    lines = [
        "# Written by the OMERO.web bundle; changes are overwritten.",
        "[Unit]",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        *settings,
        "Restart=always",
        "RestartSec=1",
    ]
    folder = Directory(os.path.dirname(drop_in))
    return [folder, File(drop_in, "\n".join(lines) + "\n", then=then)]


@dataclass(frozen=True)
class ServiceState:
    """The state of a service.

    active: it runs. enabled: it starts at the next boot. stale: systemd has not read its changed
    unit. restarted, reloaded: it was restarted, or reloaded, with the present configuration.
    """

    active: bool = False
    enabled: bool = False
    stale: bool = False
    restarted: bool = False
    reloaded: bool = False


class CurrentState(HostFact[ServiceState]):
    """The state of a service, from one remote call."""

    def command(
        self, unit: str, units: str, manager: str, restart_on: str, reload_on: str, loaded: str
    ) -> str:
        return shell_file.command(
            _SCRIPT,
            "state",
            manager,
            name=unit,
            units=units,
            stamps=STAMPS,
            restart_on=restart_on,
            reload_on=reload_on,
            loaded=loaded,
            configuration=_SUPERVISOR,
        )

    @staticmethod
    def default() -> ServiceState:
        return ServiceState()

    def process(self, output: list[str]) -> ServiceState:
        def all_say(text: str) -> bool:
            values = [line for line in output if line.startswith(text.split("=")[0] + "=")]
            return bool(values) and {*values} == {text}

        return ServiceState(
            active=all_say("ActiveState=active"),
            enabled=all_say("UnitFileState=enabled"),
            stale="NeedDaemonReload=yes" in output,
            restarted="restarted" in output,
            reloaded="reloaded" in output,
        )


def question(service: Service, manager: str) -> known_facts.Question[ServiceState]:
    """Return the question for the state of a service."""
    return known_facts.Question(
        CurrentState,
        unit=service.name,
        units=service.units,
        manager=manager,
        restart_on=service.restart_on,
        reload_on=service.reload_on,
        loaded=service.loaded,
    )


@operation()
def run(
    service: Service, manager: str, pause: int = 0
) -> Generator[str | FunctionCommand, None, None]:
    """Restart or reload a service, if it does not run with its present configuration.

    + service: the service
    + manager: `systemd` or `supervisor`
    + pause: with a pause, hosts are restarted in turn, and reloaded at the same time. Seconds to
      wait after the restart of a host, before another host is restarted
    """
    if not service.adopts and prefetch_store.was_absent(host, f"{STAMPS}/{service.name}"):
        state = ServiceState()  # never started with its present configuration
    else:
        state = known_facts.answer(question(service, manager))
    if state.active and state.enabled and not state.stale and state.restarted and state.reloaded:
        return
    fresh = state.active and (state.restarted or service.adopts) and not state.stale
    with_socket = service.socket and manager == "systemd"
    command = shell_file.command(
        _SCRIPT,
        "reload" if fresh else "restart_with_socket" if with_socket else "restart",
        manager,
        pause if state.active and not fresh else 0,
        service.stop_seconds + _START_SECONDS,
        name=service.name,
        units=service.units,
        stamps=STAMPS,
        restart_on=service.restart_on,
        reload_on=service.reload_on,
        trial=service.trial,
        ready=service.ready,
        back=service.back,
        again=service.again,
        log=service.log,
        hand_over=service.hand_over,
        python=PYTHON,
        program=_PROGRAM if manager == "supervisor" else "",
        configuration=_SUPERVISOR,
    )
    yield turns.in_turn(command) if pause and not fresh else command
