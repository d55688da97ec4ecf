"""The host, asked once and before anything is touched."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api import FactBase

from . import earlier, packages, redis_in_use, told
from .facts import YesOrNo

# What a deploy that was killed began on a host runs on there. Each command holds this lock (what it
# starts does not, by -o), so that the next deploy can wait for its end.
_LOCK = "/run/omeroweb-ops.lock"
SHELL = f"flock -o {_LOCK} sh"
PATIENCE = 900  # seconds; building zeroc-ice takes minutes
# /proc/net/tcp gives ports in hexadecimal and sockets by inode; `ss` is not on a minimal host.
_SCRIPT = r"""
. /etc/os-release
echo "id=$ID"; echo "like=$ID_LIKE"; echo "version=$VERSION_ID"; echo "arch=$(uname -m)"
[ -d /run/systemd/system ] && echo "systemd=$(systemctl --version | awk 'NR == 1 {print $2}')"
[ -e /proc/net/if_inet6 ] && echo ipv6=yes
d=/opt; [ -d $d ] || d=/
echo "free=$(df -Pk $d | awk 'NR == 2 {print $4}')"
echo "memory=$(awk '/^MemTotal/ {print $2}' /proc/meminfo)"
echo "ip=$(hostname -I 2>/dev/null | cut -d' ' -f1)"
PATH=$PATH:/usr/sbin:/sbin
nft list tables > /dev/null 2>&1 && echo nft=yes # it may be installed and not permitted
[ -e LOCK ] && ! flock -n LOCK true && echo busy=yes
for name in NAMES; do
  getent ahosts "$name" | cut -d' ' -f1 | sort -u | sed "s/^/resolved=$name /"
done
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
awk '$4 == "0A" {split($2, a, ":"); print a[2], $10, $8}' |
sort -u | while read -r port inode uid; do
  case " PORTS " in *" $port "*) ;; *) continue ;; esac
  # All that hold it: a gunicorn that takes over shares its port, and either may end meanwhile.
  holder=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null | cut -d/ -f3 | uniq |
    while read -r pid; do tr '\0\n' '  ' < "/proc/$pid/cmdline"; echo; done 2>/dev/null |
    cut -c1-600 | sort -u)
  if [ -z "$holder" ]; then
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q " $inode " || continue # it has ended
    # a container without SYS_PTRACE hides the sockets of other users: any process of that user
    holder=$(for p in /proc/[0-9]*; do
      [ "$(stat -c %u "$p" 2>/dev/null)" = "$uid" ] || continue
      tr '\0\n' '  ' < "$p/cmdline" 2>/dev/null | cut -c1-600
    done)
  fi
  echo "port=$port $(echo "$holder" | tr '\n' ' ')"
done
"""
_SCRIPT = _SCRIPT.replace("LOCK", _LOCK) + earlier.SCRIPT + redis_in_use.SCRIPT
_SCRIPT += told.script(packages.ALL)


@dataclass(frozen=True)
class Survey:
    """What a role needs to know of a host before it starts.

    free: kilobytes on the disk that takes the release. memory: kilobytes. listeners: port to
    command line ("" where the process cannot be seen). nft: the kernel's packet filter can be set.
    busy: what another deploy began is not at its end.
    addresses: name to IP addresses, for those names that were asked for and have some. earlier:
    what an installation made otherwise has left. redis: signs that others use the Redis here. told:
    files, packages and user.
    """

    privilege: str = "none"
    id: str = ""
    like: str = ""
    version: str = ""
    arch: str = ""
    ip: str = ""
    systemd: bool = False
    systemd_version: int = 0
    ipv6: bool = False
    nft: bool = False
    busy: bool = False
    free: int = 0
    memory: int = 0
    listeners: dict[int, str] = field(default_factory=dict)
    earlier: earlier.Earlier = earlier.NOTHING
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    redis: tuple[str, ...] = ()
    told: told.Told = told.NOTHING

    @property
    def platform(self) -> str:
        """What a compiled wheel depends on: release (and so Python and libraries), architecture."""
        return f"{self.id}-{self.version}-{self.arch}"

    @property
    def manager(self) -> str:
        """What runs services here."""
        return "systemd" if self.systemd else "supervisor"

    @property
    def is_debian(self) -> bool:
        return bool({"debian", "ubuntu"} & {self.id, *self.like.split()})


class HostSurvey(FactBase[Survey]):
    """One remote call: privileges, release, disk, systemd and who holds the ports."""

    shell_executable = "sh"  # without the lock that it asks for

    def command(self, ports: tuple[int, ...], names: tuple[str, ...] = ()) -> str:
        script = _SCRIPT.replace("PORTS", " ".join(f"{port:04X}" for port in ports))
        script = script.replace("NAMES", " ".join(map(shlex.quote, names)))
        # _sudo is decided by the answer, so the script raises itself
        return (
            f"script=$(cat <<'SURVEY'\n{script}\nSURVEY\n)\n"
            'if [ "$(id -u)" = 0 ]; then echo privilege=root; sh -c "$script"; '
            "elif sudo -n true 2>/dev/null; then echo privilege=sudo; "
            'sudo -n sh -c "$script"; else echo privilege=none; sh -c "$script"; fi'
        )

    @staticmethod
    def default() -> Survey:
        return Survey()

    def process(self, output: list[str]) -> Survey:
        values: dict[str, str] = {}
        listeners: dict[int, str] = {}
        addresses: dict[str, list[str]] = {}
        for line in output:
            key, _, value = line.partition("=")
            if key == "port":
                port, _, command = value.partition(" ")
                listeners[int(port, 16)] = command.strip()
            elif key == "resolved":
                name, _, address = value.partition(" ")
                addresses.setdefault(name, []).append(address)
            else:
                values[key] = value
        return Survey(
            privilege=values.get("privilege", "none"),
            id=values.get("id", ""),
            like=values.get("like", ""),
            version=values.get("version", ""),
            arch=values.get("arch", ""),
            ip=values.get("ip", ""),
            systemd="systemd" in values,
            systemd_version=int(values.get("systemd") or 0),
            ipv6="ipv6" in values,
            nft="nft" in values,
            busy="busy" in values,
            free=int(values.get("free") or 0),
            memory=int(values.get("memory") or 0),
            listeners=listeners,
            earlier=earlier.read(output, " ".join(listeners.values())),
            addresses=addresses,
            redis=redis_in_use.read(output),
            told=told.read(output),
        )


class AtRest(YesOrNo):
    """Whether what another deploy began came to its end within PATIENCE."""

    shell_executable = "sh"

    def command(self) -> str:
        return f"flock -w {PATIENCE} {_LOCK} true && echo yes || true"
