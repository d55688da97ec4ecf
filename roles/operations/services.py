"""Services under systemd, or under Debian's supervisor where systemd does not run.

What must follow a change is guarded by a stamp: a digest of what the service was last started and
reloaded with, written last. A run killed anywhere is taken up by the next one; pyinfra's own
handlers would be lost.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import operation

from ..host_paths import STAMPS, SUPERVISOR_PROGRAMS
from . import shell_file
from .facts import HostFact
from .files import Directory, File, Item

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SCRIPT = shell_file.read(__file__, "ensure_service.sh")
_START_SECONDS = 100  # that systemd waits for a start (DefaultTimeoutStartSec=), and some


# What no service of a site needs; systemd.exec(5) describes each. Each role adds its own to these.
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
class Service:
    """One service.

    name: of the unit and of the program. command: in the foreground. restart_on, reload_on: shell
    commands; what they print decides whether the running service is up to date. ready: a shell
    command that returns when the service can be used. trial: a shell command that must succeed
    before a running service is reloaded. back: what takes back the change where the trial fails or
    the service does not get ready, again: what starts it then. log: what shows why. adopts: one
    that someone else started is reloaded and not restarted, so that visitors notice nothing.
    loaded: a shell command that tells whether the running service really has what reload_on prints
    ($now); people restart services too. directory: the current one, from which Python programs may
    import. umask: of the files that it makes. socket: systemd holds its socket in a unit of that
    name.
    """

    name: str
    command: str
    user: str = "root"
    environment: tuple[tuple[str, str], ...] = ()
    directory: str = "/"
    umask: str = "022"
    restart_on: str = "true"
    reload_on: str = "true"
    loaded: str = "true"
    stop_seconds: int = 15
    ready: str = "true"
    trial: str = "true"
    back: str = "true"
    again: str = "true"
    log: str = "true"
    adopts: bool = False
    socket: bool = False

    @property
    def units(self) -> str:
        """Its units under systemd."""
        return f"{self.name}.socket {self.name}.service" if self.socket else f"{self.name}.service"

    def program(self) -> File:
        """Its description for supervisor."""
        lines = [
            f"[program:{self.name}]",
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

    def _restricted(self) -> str:
        """Its command without new privileges, and without the variables that supervisord was
        started with: they may be of root's own session."""
        environment = (("PATH", _PATH), ("LANG", "C.UTF-8"), *self.environment)
        assigned = " ".join(f"{name}={value}" for name, value in environment)
        return f"/usr/bin/setpriv --no-new-privs -- /usr/bin/env -i {assigned} {self.command}"


def cron() -> Service:
    """Debian's cron."""
    return Service(name="cron", command="/usr/sbin/cron -f")


def drop_in(drop_in: str, *settings: str, then: str = "true") -> list[Item]:
    """A drop-in for a unit of Debian's that would stay dead after a crash, or give up.

    settings: lines of its [Service] before. then: a shell command once the file is in its place.
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
    """active, enabled: running, and at the next boot too. stale: its description was changed.

    restart, reload: whether the service was started, and reloaded, with what stands there now.
    """

    active: bool = False
    enabled: bool = False
    stale: bool = False
    restarted: bool = False
    reloaded: bool = False


class CurrentState(HostFact[ServiceState]):
    """One remote call per service."""

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
        )

    @staticmethod
    def default() -> ServiceState:
        return ServiceState()

    def process(self, output: list[str]) -> ServiceState:
        def all_say(text: str) -> bool:
            said = [line for line in output if line.startswith(text.split("=")[0] + "=")]
            return bool(said) and {*said} == {text}

        return ServiceState(
            active=all_say("ActiveState=active"),
            enabled=all_say("UnitFileState=enabled"),
            stale="NeedDaemonReload=yes" in output,
            restarted="restarted" in output,
            reloaded="reloaded" in output,
        )


@operation()
def run(service: Service, manager: str, pause: int = 0) -> Generator[str, None, None]:
    """The service runs, at boot too, with what stands there now; nothing is done otherwise.

    + service: what to run
    + manager: `systemd` or `supervisor`
    + pause: seconds after a restart in which another host is not restarted yet
    """
    state = host.get_fact(
        CurrentState,
        unit=service.name,
        units=service.units,
        manager=manager,
        restart_on=service.restart_on,
        reload_on=service.reload_on,
        loaded=service.loaded,
    )
    if state.active and state.enabled and not state.stale and state.restarted and state.reloaded:
        return
    fresh = state.active and (state.restarted or service.adopts) and not state.stale
    with_socket = service.socket and manager == "systemd"
    yield shell_file.command(
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
    )
