"""What a survey finds out about a host; `fact` asks the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..operations import lock_holder, prefetch
from . import disks, existing_installation, existing_nginx, present_certificate


@dataclass(frozen=True)
class Survey:
    """The facts about a host that roles need before they start.

    python: major and minor version of /usr/bin/python3; None if it is not installed.
    omero_web: the version in the active virtualenv, as its files name it; "" without one.
    disks: free space at each of `disks.DIRECTORIES`. memory: kilobytes. listeners: port to command
    line ("" if the process is not visible). nft: whether the kernel's packet filter can be set.
    namespaces: whether systemd can make those of a unit's sandbox. lock: who deploys to the host.
    addresses: name to IP addresses, of the requested names that resolve. existing: an installation
    that is not the bundle's. nginx: the NGINX before a deploy. redis: signs that others use the
    host's Redis. certificate: NGINX's. prefetched: files, packages and user.
    """

    privilege: str = "none"
    id: str = ""
    like: str = ""
    version: str = ""
    arch: str = ""
    ip: str = ""
    python: tuple[int, int] | None = None
    omero_web: str = ""
    systemd: bool = False
    systemd_version: int = 0
    ipv6: bool = False
    namespaces: bool = True
    nft: bool = False
    lock: lock_holder.Holder = lock_holder.NOBODY
    disks: Mapping[str, disks.FreeSpace] = field(default_factory=dict)
    memory: int = 0
    listeners: dict[int, str] = field(default_factory=dict)
    existing: existing_installation.ExistingInstallation = existing_installation.NO_INSTALLATION
    nginx: existing_nginx.ExistingNginx = existing_nginx.NO_NGINX
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    redis: tuple[str, ...] = ()
    certificate: present_certificate.PresentCertificate = present_certificate.NO_CERTIFICATE
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
