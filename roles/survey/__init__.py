"""Survey a host with one remote call, before anything is touched."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api import FactBase, Host

from ..operations import deploy_lock, packages, prefetch, shell_file
from ..operations.facts import SecretStdin
from . import disks, existing_installation, existing_redis

_SCRIPT = "\n".join(
    [
        deploy_lock.SCRIPT,
        shell_file.read(__file__, "survey.sh"),
        prefetch.script(packages.ALL),
        f"{{\n{existing_installation.SCRIPT}\n{existing_redis.SCRIPT}\n}} | tell_lines",
    ]
)


_AS_ROOT = shell_file.read(__file__, "as_root.sh")


@dataclass(frozen=True)
class Survey:
    """The facts about a host that roles need before they start.

    python: major and minor version of /usr/bin/python3; None if it is not installed.
    disks: free space at each of `disks.DIRECTORIES`. memory: kilobytes. listeners: port to command
    line ("" if the process is not visible). nft: whether the kernel's packet filter can be set.
    lock: who deploys to the host. addresses: name to IP addresses, of the requested names that
    resolve. existing: an installation that is not the bundle's. redis: signs that others use the
    host's Redis. prefetched: files, packages and user.
    """

    privilege: str = "none"
    id: str = ""
    like: str = ""
    version: str = ""
    arch: str = ""
    ip: str = ""
    python: tuple[int, int] | None = None
    systemd: bool = False
    systemd_version: int = 0
    ipv6: bool = False
    nft: bool = False
    lock: deploy_lock.Holder = deploy_lock.NOBODY
    disks: Mapping[str, disks.FreeSpace] = field(default_factory=dict)
    memory: int = 0
    listeners: dict[int, str] = field(default_factory=dict)
    existing: existing_installation.ExistingInstallation = existing_installation.NO_INSTALLATION
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    redis: tuple[str, ...] = ()
    prefetched: prefetch.PrefetchedFacts = prefetch.NO_FACTS

    @property
    def platform(self) -> str:
        """The system's release and architecture, on which a compiled wheel depends."""
        return f"{self.id}-{self.version}-{self.arch}"

    @property
    def manager(self) -> str:
        """The host's service manager: `systemd` or `supervisor`."""
        return "systemd" if self.systemd else "supervisor"

    @property
    def is_debian(self) -> bool:
        return bool({"debian", "ubuntu"} & {self.id, *self.like.split()})


def _python(name: str) -> tuple[int, int] | None:
    """Parse `python3.11`, the name of Debian's program."""
    found = re.fullmatch(r"python(\d)\.(\d+)", name)
    return (int(found[1]), int(found[2])) if found else None


class HostSurvey(FactBase[Survey]):
    """Everything that one remote call finds out about a host."""

    shell_executable = "sh"  # not the shell of `deploy_lock`, which needs the lock

    def command(
        self, ports: tuple[int, ...], nonce: str, names: tuple[str, ...] = (), lock: str = ""
    ) -> str:
        """Return the survey's script. The nonce is on its standard input. lock: see `ask`."""
        self._nonce = nonce
        script = shell_file.command(
            _SCRIPT,
            ports=" ".join(f"{port:04X}" for port in ports),
            names=" ".join(names),
            disks=" ".join(disks.DIRECTORIES),
            lock=lock,
        )
        return shell_file.command(_AS_ROOT, script=script)

    @staticmethod
    def default() -> Survey:
        return Survey()

    def process(self, output: list[str]) -> Survey:
        own = f"{self._nonce} "
        lines = [line.removeprefix(own) for line in output if line.startswith(own)]
        values: dict[str, str] = {}
        listeners: dict[int, str] = {}
        addresses: dict[str, list[str]] = {}
        free: dict[str, disks.FreeSpace] = {}
        for line in lines:
            key, _, value = line.partition("=")
            if key == "port":
                port, _, command = value.partition(" ")
                listeners[int(port, 16)] = command.strip()
            elif key == "resolved":
                name, _, address = value.partition(" ")
                addresses.setdefault(name, []).append(address)
            elif key == "disk":
                path, _, answer = value.partition(" ")
                free[path] = disks.FreeSpace.read(answer)
            else:
                values[key] = value
        return Survey(
            privilege=values.get("privilege", "none"),
            id=values.get("id", ""),
            like=values.get("like", ""),
            version=values.get("version", ""),
            arch=values.get("arch", ""),
            ip=values.get("ip", ""),
            python=_python(values.get("python", "")),
            systemd="systemd" in values,
            systemd_version=int(values.get("systemd") or 0),
            ipv6="ipv6" in values,
            nft="nft" in values,
            lock=deploy_lock.Holder.read(values),
            disks=free,
            memory=int(values.get("memory") or 0),
            listeners=listeners,
            existing=existing_installation.read(lines, " ".join(listeners.values())),
            addresses=addresses,
            redis=existing_redis.read(lines),
            prefetched=prefetch.read(lines),
        )


def ask(
    host: Host,
    *,
    ports: tuple[int, ...] = (),
    names: tuple[str, ...] = (),
    lock: str = "",
) -> Survey:
    """Survey a host. lock: shell that reads the host's deploy lock, or takes it."""
    nonce = secrets.token_hex(16)
    found: Survey = host.get_fact(
        HostSurvey,
        ports=ports,
        names=names,
        nonce=nonce,
        lock=lock,
        _stdin=SecretStdin(f"{nonce}\n"),
    )
    return found
