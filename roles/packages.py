"""Debian packages, asked for in one call and installed only where they are missing."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import FactBase, operation

from . import told

# What each role installs, by the manager of services.
REDIS = ("redis-server",)
NGINX = ("nginx", "curl", "openssl", "cron", "logrotate")
IMAGE = ("python3", "python3-venv", "ca-certificates")
WEB = (*IMAGE, "cron", "curl", "sudo")
MANAGERS: Mapping[str, tuple[str, ...]] = {"systemd": (), "supervisor": ("supervisor",)}
ALL = tuple(sorted({*REDIS, *NGINX, *WEB, *MANAGERS["supervisor"]}))


class MissingPackages(FactBase[list[str]]):
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
def installed(names: Sequence[str]) -> Generator[str, None, None]:
    """Install what is missing.

    Package lists younger than an hour are fresh enough, unless a package cannot be had by them.
    No service is started on the way where systemd does not run (RUNLEVEL=1 is what
    invoke-rc.d looks at): the bundle starts it under supervisor. An interrupted dpkg is
    completed first.
    """
    missing = told.of(host).missing(names)
    if missing is None:
        missing = host.get_fact(MissingPackages, names=tuple(names))
    if not missing:
        return
    listed = " ".join(shlex.quote(name) for name in missing)
    yield (
        "export DEBIAN_FRONTEND=noninteractive; [ -d /run/systemd/system ] || export RUNLEVEL=1; "
        "install() { apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends "
        f"-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold {listed}; }}; "
        "dpkg --configure -a && { "
        "find /var/lib/apt/lists -name '*_Packages*' -mmin -60 | grep -q . && install || "
        "{ apt-get update -q && install; }; }"
    )
