"""Debian packages, asked for in one call and installed only where they are missing."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS

from . import prefetch, shell_file
from .facts import HostFact

_INSTALL = shell_file.read(__file__, "apt_install.sh")
# What each role installs, by the manager of services.
REDIS = ("redis-server",)
NGINX = ("nginx", "curl", "openssl", "cron", "logrotate")
IMAGE = ("python3", "python3-venv", "ca-certificates")
WEB = (*IMAGE, "cron", "curl", "sudo")
MANAGERS: Mapping[str, tuple[str, ...]] = {"systemd": (), "supervisor": ("supervisor",)}
ALL = tuple(sorted({*REDIS, *NGINX, *WEB, *MANAGERS["supervisor"]}))


class MissingPackages(HostFact[list[str]]):
    """Those of the named packages that are not installed."""

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
    """Install what is missing.

    Package lists younger than an hour are fresh enough, unless a package cannot be had by them.
    No service is started on the way where systemd does not run: the bundle starts it under
    supervisor. An interrupted dpkg is completed first, and another program's is waited for.
    """
    missing = prefetch.current(host).missing(names)
    if missing is None:
        missing = host.get_fact(MissingPackages, names=tuple(names))
    if missing:
        yield install_command(missing)


def install_command(names: Sequence[str]) -> FunctionCommand:
    """A command of an operation that installs packages and says for whom it waits."""
    return run_with_progress(shell_file.command(_INSTALL, *names))


def run_with_progress(command: str) -> FunctionCommand:
    """A command of an operation whose lines are shown as they come."""
    return FunctionCommand(_run_with_progress, (command,), {})


def _run_with_progress(state: State, host: Host, command: str) -> bool:
    done, _output = host.run_shell_command(
        StringCommand(command), print_output=True, **connector_arguments(host)
    )
    return done


def connector_arguments(host: Host) -> dict[str, Any]:
    """sudo and the shell, as for any other command of the running operation."""
    given: Mapping[str, Any] = dict(host.current_op_global_arguments or {})
    return {key: given[key] for key in CONNECTOR_ARGUMENT_KEYS if key in given}
