"""Services under systemd, or under Debian's supervisor where systemd does not run.

What must follow a change is guarded by a stamp: a digest of what the service was last started and
reloaded with, written last. A run killed anywhere is taken up by the next one; pyinfra's own
handlers would be lost.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import operation

from .facts import HostFact
from .files import Directory, File, Item

STAMPS = "/var/lib/omeroweb-ops/stamps"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SUPERVISORD = "/etc/supervisor/supervisord.conf"
# supervisorctl is a Python, started for each service. What it asks (getProcessInfo,
# http://supervisord.org/api.html) by the socket that Debian's configuration has:
_ASKED = (
    "<methodCall><methodName>supervisor.getProcessInfo</methodName><params><param><value>"
    "<string>NAME</string></value></param></params></methodCall>"
)
_STATUS = (
    "{ curl -sf -m 5 --noproxy '*' --unix-socket /var/run/supervisor.sock "
    f"-H 'Content-Type: text/xml' -d '{_ASKED}' http://localhost/RPC2 || "
    f"supervisorctl -c {_SUPERVISORD} status NAME; }}"
)


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
        return File(f"/etc/supervisor/conf.d/{self.name}.conf", "\n".join(lines) + "\n")

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
        stamp = shlex.quote(f"{STAMPS}/{unit}")
        asked = {
            "systemd": f"systemctl show {units} -p ActiveState,UnitFileState,NeedDaemonReload",
            "supervisor": f"{_STATUS.replace('NAME', unit)} 2>/dev/null | "
            "grep -q RUNNING && echo ActiveState=active; echo UnitFileState=enabled",
        }[manager]
        printed = _digest('printf %s "$now"')
        return (
            f"{asked}; read -r a b 2>/dev/null < {stamp}; "
            f'[ "$a" = {_digest(restart_on)} ] && echo restarted; '
            f"now=$( {{ {reload_on}; }} 2>&1; echo . ); now=${{now%.}}; "
            f'[ "$b" = {printed} ] && ( {loaded} ) && echo reloaded; true'
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
    acts = _reload if fresh else _restart
    socket = service.socket and manager == "systemd" and not fresh
    act = _WITH_SOCKET if socket else acts[manager]
    if manager == "systemd":
        act = _CONTROL.replace("SECONDS", str(service.stop_seconds + _START_SECONDS)) + act
    # a service that says how its log is shown does so itself: there may be secrets in it
    log = "tail -n 20 /var/log/supervisor/NAME.log" if service.log == Service.log else "true"
    act = act.replace("LOG", log).replace("UNITS", service.units).replace("NAME", service.name)
    stamp = shlex.quote(f"{STAMPS}/{service.name}")
    rest = f"sleep {pause} && " if pause and state.active and not fresh else ""
    # The digests are taken before: what changes during the start is taken up by the next run.
    changed = _if_changed(service)
    yield (
        f"a={_digest(service.restart_on)}; b={_digest(service.reload_on)}; "
        f"if {changed}; then {{ {service.trial}; }} || {{ {service.back}; exit 1; }} >&2; fi; "
        f"( {act} ) && {{ {service.ready}; }} && {rest}mkdir -p {STAMPS} && "
        f'echo "$a $b" > {stamp}.new && mv -f {stamp}.new {stamp} || '
        f"{{ {service.log}; if {changed}; then {service.back}; {service.again}; fi; exit 1; }} >&2"
    )


def _if_changed(service: Service) -> str:
    """Shell: whether something changed that the service, running before, was not reloaded with."""
    stamp = shlex.quote(f"{STAMPS}/{service.name}")
    return (
        f'read -r _ before 2> /dev/null < {stamp} && [ "$before" != {_digest(service.reload_on)} ]'
    )


_reload = {
    "systemd": "systemctl enable -q UNITS && control reload NAME",
    "supervisor": f"supervisorctl -c {_SUPERVISORD} signal HUP NAME",
}
_restart = {
    "systemd": "systemctl daemon-reload && systemctl enable -q UNITS && control restart NAME",
    "supervisor": r"""
        ctl() { supervisorctl -c CONF "$@"; }
        if [ -x /etc/init.d/NAME ] && [ ! -e STAMPS/NAME ]; then
            # Debian's init script may have started its own daemon, and would at the next boot
            pids=$(cat /run/NAME.pid /run/*/NAME.pid 2> /dev/null)
            update-rc.d NAME disable > /dev/null 2>&1; /etc/init.d/NAME stop > /dev/null 2>&1
            for pid in $pids; do # which the script misses where it may not see /proc/PID/exe
                for _ in $(seq 50); do
                    grep -qsa NAME "/proc/$pid/cmdline" && kill "$pid" && sleep 0.2 || break
                done
            done
        fi
        ctl pid > /dev/null 2>&1 || supervisord -c CONF || exit 1
        case $(ctl status NAME) in *RUNNING*|*STARTING*) ctl stop NAME > /dev/null ;; esac
        ctl update NAME > /dev/null; ctl start NAME > /dev/null 2>&1
        for _ in $(seq 50); do
            status=$(ctl status NAME)
            case $status in *RUNNING*|*FATAL*) break ;; esac
            sleep 0.1
        done
        case $status in *RUNNING*) ;; *) echo "$status" >&2
            LOG >&2; exit 1 ;; esac; true
    """.replace("CONF", _SUPERVISORD)
    .replace("STAMPS", STAMPS)
    .strip(),
}

_START_SECONDS = 100  # that systemd waits for a start (DefaultTimeoutStartSec=), and some
# A process of the service's own may ask systemd for more time, again and again (sd_notify(3),
# EXTEND_TIMEOUT_USEC); then its processes are ended.
_CONTROL = """
control() {
    timeout -k 5 SECONDS systemctl "$@" && return
    [ $? = 124 ] && systemctl kill -s KILL NAME.service && timeout -k 5 SECONDS systemctl "$@"
}
"""

# A socket stays, and holds visitors, while its service is started again; it cannot be changed under
# a running one. What a change of the socket follows has a stamp of its own.
_WITH_SOCKET = f"""
    systemctl daemon-reload && systemctl enable -q UNITS || exit 1
    socket=$(systemctl cat NAME.socket | sha256sum)
    if [ "$socket" = "$(cat {STAMPS}/NAME.socket 2> /dev/null)" ] &&
        systemctl is-active -q NAME.socket; then
        control restart NAME.service
    else
        control stop UNITS && systemctl start NAME.socket && control start NAME.service &&
            mkdir -p {STAMPS} && echo "$socket" > {STAMPS}/NAME.socket
    fi
""".strip()


def _digest(command: str) -> str:
    return f'"$( {{ {command}; }} 2>&1 | sha256sum | cut -c1-64)"'
