"""Survey a host with one remote call, before anything is touched."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from omeroweb_ops.locations import CURRENT
from pyinfra.api import FactBase, Host

from ..operations import deploy_lock, packages, prefetch, shell_file
from ..operations.facts import HostFact, SecretStdin
from ..operations.lock_holder import Holder
from . import (
    Survey,
    disks,
    existing_installation,
    existing_nginx,
    existing_redis,
    present_certificate,
    sudo_password,
)

_SCRIPT = "\n".join(
    [
        deploy_lock.SCRIPT,
        shell_file.read(__file__, "survey.sh"),
        prefetch.script(packages.ALL),
        "{",
        existing_installation.SCRIPT,
        existing_redis.SCRIPT,
        existing_nginx.SCRIPT,
        present_certificate.SCRIPT,
        "} | tell_lines",
    ]
)


_AS_ROOT = shell_file.read(__file__, "as_root.sh")


def _python(name: str) -> tuple[int, int] | None:
    """Parse `python3.11`, the name of Debian's program."""
    found = re.fullmatch(r"python(\d)\.(\d+)", name)
    return (int(found[1]), int(found[2])) if found else None


class HostSurvey(FactBase[Survey]):
    """Everything that one remote call finds out about a host."""

    shell_executable = "sh"  # not the shell of `deploy_lock`, which needs the lock

    def command(
        self,
        ports: tuple[int, ...],
        nonce: str,
        names: tuple[str, ...] = (),
        lock: str = "",
        front: tuple[str, ...] | None = None,
        privilege: str = "root",
        address: str = "",
    ) -> str:
        """Return the survey's script. The nonce is on its standard input. Others: see `ask`."""
        self._nonce = nonce
        script = shell_file.command(
            _SCRIPT,
            ports=" ".join(f"{port:04X}" for port in ports),
            names=" ".join(names),
            disks=" ".join(disks.DIRECTORIES),
            virtualenv=CURRENT,
            lock=lock,
            front="" if front is None else "yes",
            extra_includes=" ".join(front or ()),
        )
        return shell_file.command(_AS_ROOT, script=script, privilege=privilege, address=address)

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
            omero_web=values.get("omero_web", ""),
            systemd="systemd" in values,
            systemd_version=int(values.get("systemd") or 0),
            ipv6="ipv6" in values,
            namespaces="namespaces" not in values,
            nft="nft" in values,
            lock=Holder.read(values),
            disks=free,
            memory=int(values.get("memory") or 0),
            listeners=listeners,
            existing=existing_installation.read(lines, " ".join(listeners.values())),
            nginx=existing_nginx.read(lines),
            addresses=addresses,
            redis=existing_redis.read(lines),
            certificate=present_certificate.read(lines),
            prefetched=prefetch.read(lines),
        )


@dataclass(frozen=True)
class SessionUser:
    """Who is logged in on a host, and from which address ("" without SSH)."""

    is_root: bool
    address: str


class Session(HostFact[SessionUser]):
    """The user whom pyinfra has logged in as."""

    def command(self) -> str:
        return 'echo "$(id -u) ${SSH_CONNECTION%% *}"'

    @staticmethod
    def default() -> SessionUser:
        return SessionUser(False, "")

    def process(self, output: list[str]) -> SessionUser:
        uid, _, address = output[0].partition(" ")
        return SessionUser(uid == "0", address)


def ask(
    host: Host,
    *,
    ports: tuple[int, ...] = (),
    names: tuple[str, ...] = (),
    lock: str = "",
    front: tuple[str, ...] | None = None,
) -> Survey:
    """Survey a host.

    Without a password of sudo, the script itself uses sudo if that is needed. With a password,
    pyinfra does, which asks for the password.

    lock: shell that reads the host's deploy lock, or takes it. front: for a host in the group
    nginx, the patterns of files that the site's own lines include.
    """
    nonce = secrets.token_hex(16)
    session = host.get_fact(Session, _sudo=False) if sudo_password.is_wanted(host) else None
    by_sudo = session is not None and not session.is_root
    found: Survey = host.get_fact(
        HostSurvey,
        ports=ports,
        names=names,
        nonce=nonce,
        lock=lock,
        front=front,
        **({"privilege": "sudo", "address": session.address} if session and by_sudo else {}),
        _sudo=by_sudo,
        _stdin=SecretStdin(f"{nonce}\n"),
    )
    return found
