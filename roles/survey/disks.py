"""Check that a host's disks have room for the files of the deploy and of the service."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from omeroweb_ops.shared.finding import Finding

# Group, directory, megabytes and inodes. Measured on Debian 12: a release has 240 MB and 16,000
# files, its build cache 90 MB and 13,500. Compilers and a second release may be needed, too.
_NEEDS = (
    ("web", "/opt/omero/web", 1000, 35_000),
    ("web", "/var/cache", 450, 20_000),
    ("web", "/tmp", 50, 200),
    ("nginx", "/var/lib/nginx", 50, 200),
    ("redis", "/var/lib/redis", 50, 200),
)
DIRECTORIES = tuple(path for _group, path, _megabytes, _inodes in _NEEDS)


@dataclass(frozen=True)
class FreeSpace:
    """Free space of a file system. inodes: None if the file system has no fixed number."""

    kilobytes: int
    inodes: int | None
    mount: str

    @classmethod
    def read(cls, answer: str) -> FreeSpace:
        """Parse the survey's `KILOBYTES INODES MOUNT`."""
        kilobytes, inodes, mount = answer.split(" ", 2)
        return cls(int(kilobytes), None if inodes == "-" else int(inodes), mount)


def errors(groups: Collection[str], free: Mapping[str, FreeSpace]) -> Iterator[Finding]:
    """Yield an error for each file system that lacks space or inodes."""
    mounts: dict[str, list[tuple[str, int, int]]] = {}
    for group, path, megabytes, inodes in _NEEDS:
        if group in groups and path in free:
            mounts.setdefault(free[path].mount, []).append((path, megabytes, inodes))
    for mount, needs in mounts.items():
        places = ", ".join(path for path, _megabytes, _inodes in needs)
        here = free[needs[0][0]]
        wanted = sum(megabytes for _path, megabytes, _inodes in needs)
        if here.kilobytes < wanted * 1024:
            yield Finding(
                "disk",
                f"only {here.kilobytes // 1024} MB free on {mount} for {places}; "
                f"at least {wanted} MB must be free",
            )
        wanted = sum(inodes for _path, _megabytes, inodes in needs)
        if here.inodes is not None and here.inodes < wanted:
            yield Finding(
                "disk",
                f"only {here.inodes} inodes (files) free on {mount} for {places}; "
                f"remove files until at least {wanted} are free",
            )
