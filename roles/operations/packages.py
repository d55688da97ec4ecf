"""Install Debian packages that are missing, which one remote call finds out."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation

from ..host_paths import PACKAGE_RECORD
from . import background, prefetch_store, shell_file
from .connector import connector_arguments
from .facts import HostFact

_INSTALL = shell_file.read(__file__, "apt_install.sh")
# The packages of each role and of each service manager.
REDIS = ("redis-server",)
NGINX_IMAGE = ("nginx", "openssl")
NGINX = (*NGINX_IMAGE, "curl", "cron", "logrotate")
IMAGE = ("python3", "python3-venv", "ca-certificates")
INIT = ("tini",)  # process 1 of each image
ACME = ("certbot",)
WEB = ("cron", "curl", "sudo")
MANAGERS: Mapping[str, tuple[str, ...]] = {"systemd": (), "supervisor": ("supervisor",)}
ALL = tuple(sorted({*REDIS, *NGINX, *ACME, *IMAGE, *WEB, *MANAGERS["supervisor"]}))


class MissingPackages(HostFact[list[str]]):
    """The named packages that are not installed."""

    def command(self, names: tuple[str, ...]) -> str:
        listed = " ".join(shlex.quote(name) for name in names)
        return (
            f"for n in {listed}; do "
            "dpkg-query -W -f='${db:Status-Status}\\n' \"$n\" 2>/dev/null | grep -qx installed "
            '|| echo "$n"; done'
        )

    @staticmethod
    def default() -> list[str]:
        return []

    def process(self, output: list[str]) -> list[str]:
        return output


@operation()
def install(names: Sequence[str]) -> Generator[FunctionCommand, None, None]:
    """Install the packages that are missing, with apt_install.sh.

    Without systemd, the installation starts no services: the bundle starts them under supervisor.
    """
    missing = _missing(names)
    if missing:
        yield install_command(missing)


@operation()
def start_install(names: Sequence[str], task: str) -> Generator[FunctionCommand, None, None]:
    """Do the same while later operations run.

    + task: the name for `background.wait`
    """
    missing = _missing(names)
    if missing:
        yield background.start(task, [StringCommand(_command(missing))], print_output=True)


def _missing(names: Sequence[str]) -> list[str]:
    missing = prefetch_store.current(host).missing(names)
    return host.get_fact(MissingPackages, names=tuple(names)) if missing is None else missing


def install_command(names: Sequence[str]) -> FunctionCommand:
    """Return an operation's command that installs packages and reports what it waits for."""
    return run_with_progress(_command(names))


def _command(names: Sequence[str]) -> str:
    return shell_file.command(_INSTALL, *names, record=PACKAGE_RECORD)


def run_with_progress(command: str) -> FunctionCommand:
    """Return an operation's command whose output is shown line by line while it runs."""
    return FunctionCommand(_run_with_progress, (command,), {})


def _run_with_progress(state: State, host: Host, command: str) -> bool:
    done, _output = host.run_shell_command(
        StringCommand(command), print_output=True, **connector_arguments(host)
    )
    return done
