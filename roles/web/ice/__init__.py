"""Provide the zeroc-ice 3.6.5 wheel, which the package index has only as source.

The wheel is given by the site, cached, or built once.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from omeroweb_ops.shared import cgroup
from pyinfra import host, logger
from pyinfra.api import FunctionCommand, Host, State, StringCommand
from pyinfra.api.command import PyinfraCommand

from ...host_paths import CACHE
from ...operations import packages
from ...operations.connector import connector_arguments
from ...operations.facts import fail
from ...operations.files import File
from ...operations.prefetch import PYTHON
from ...operations.sync import commands
from ...operations.transfer import read_file
from .. import builder

BUILDER = Path(__file__).parent / "build_wheel.py"
ON_HOST = CACHE / "ice"
_CGROUP = Path(cgroup.__file__)
_COMPILER_MEMORY = 512 << 20  # bytes for each g++
_COMPILERS = ("g++", "python3-dev", "libssl-dev", "libbz2-dev")


@dataclass(frozen=True)
class CachedWheel:
    """A wheel that an earlier run has stored on this machine, with a checksum for sha256sum."""

    folder: Path

    @property
    def wheel(self) -> Path | None:
        found = sorted(self.folder.glob("*.whl"))
        return found[0] if found else None

    @property
    def sums(self) -> Path:
        return self.folder / "SHA256SUMS"

    def is_sound(self) -> bool:
        """Return whether the wheel is unchanged. An older version stored no checksum."""
        if self.wheel is None or not self.sums.exists():
            return self.wheel is not None
        return self.sums.read_text(encoding="ascii").strip() == _sum(self.wheel)


def _sum(wheel: Path) -> str:
    return f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}"


@dataclass(frozen=True)
class Wheel:
    """A wheel, identified by its sources.

    given: the path or URL of a prebuilt wheel; None to build one. key: digest of the given wheel,
    or of the builder (which pins the archive and has the fixes) and the platform.
    """

    given: str | None
    key: str

    @classmethod
    def wanted(cls, given: str | None, platform: str) -> Wheel:
        if given is None:
            made_by = BUILDER.read_bytes() + b"\0" + platform.encode()
        elif "://" in given:
            made_by = given.partition("#")[2].encode()
        else:
            given = given.partition("#sha256=")[0]  # already verified with the inventory
            made_by = Path(given).read_bytes()
        return cls(given, hashlib.sha256(made_by).hexdigest()[:16])

    @property
    def folder(self) -> Path:
        """The wheel's directory on the host; its file `complete` has checksums for sha256sum."""
        return ON_HOST / self.key

    def kept(self, host_name: str) -> CachedWheel:
        """Return the cached wheel on this machine for a host of this kind.

        Each host runs a wheel's code as root, so a wheel that a container has built is for
        containers only. The same holds for a wheel whose origin an older version did not record.
        """
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(cache) / "omeroweb-bundle" / "ice" / self.key
        connector = host_name.partition("/")[0] if host_name.startswith("@") else "ssh"
        return CachedWheel(
            folder if connector == "@docker" else folder / connector.removeprefix("@")
        )

    def is_compiled_for(self, host_name: str) -> bool:
        """Return whether a deploy to a host without the wheel compiles it there."""
        return self.given is None and self.kept(host_name).wheel is None

    def commands(self, environment: str, tools: Path) -> Iterator[PyinfraCommand]:
        """Yield the commands that provide the wheel in its directory on the host."""
        kept = self.kept(host.name)
        local = kept.wheel if self.given is None else Path(self.given)
        if local and self.given is None and not kept.is_sound():
            yield fail(
                f"{local} is not the zeroc-ice wheel that was built: its sha256 differs from "
                f"{kept.sums.name}; remove both files, and the next deploy builds the wheel again"
            )
            return
        yield StringCommand(f"umask 022 && rm -rf {self.folder} && mkdir -p {self.folder}")
        if self.given and "://" in self.given:
            url, _, digest = self.given.partition("#sha256=")
            name = shlex.quote(url.rsplit("/", 1)[1])
            yield StringCommand(
                f"{environment} cd {self.folder} && {PYTHON} -I -c "
                "'import sys, urllib.request as u; u.urlretrieve(sys.argv[1], sys.argv[2])' "
                f"{shlex.quote(url)} {name} && echo '{digest}  '{name} | sha256sum -c --quiet"
            )
        elif local:
            wheel = File.of(f"{self.folder}/{local.name}", local.read_bytes())
            check = f"cd {self.folder} && echo {shlex.quote(_sum(local))} | sha256sum -c --quiet"
            yield from commands(replace(wheel, then=check))
        else:
            yield from self._build(environment, tools)
        yield StringCommand(
            f"cd {self.folder} && chmod 644 *.whl && sha256sum *.whl > sums && sync -f . && "
            "mv sums complete"
        )
        if self.given is None and not local:
            yield FunctionCommand(_keep, (str(self.folder), kept), {})

    def _build(self, environment: str, tools: Path) -> Iterator[PyinfraCommand]:
        host.log("There is no zeroc-ice wheel: building it once, 2 to 4 minutes on 2 cores.")
        yield packages.install_command(_COMPILERS)
        yield from commands(
            File(f"{ON_HOST}/build_wheel.py", BUILDER.read_text("utf-8")),
            File(f"{ON_HOST}/cgroup.py", _CGROUP.read_text("utf-8")),
            *builder.items(),
        )
        making = self.folder / "build"
        build = build_command(f"{tools}/bin/python", ON_HOST, making)
        yield packages.run_with_progress(  # it takes minutes
            f"{environment} set -e; umask 022; mkdir {making}; "
            f"{builder.as_builder(making, build)}; "
            f"find {making} -maxdepth 1 -type f -name 'zeroc_ice-*.whl' -exec mv -t "
            f"{self.folder} {{}} +; rm -rf {making}"
        )


def build_command(python: str, programs: Path, making: Path) -> str:
    """Return shell that builds the wheel with as many compilers as the cgroup has room for.

    programs: the directory of the two programs. making: the directory for the wheel.
    """
    jobs = f"$({python} {programs}/cgroup.py {_COMPILER_MEMORY})"
    return f'{python} -u {programs}/build_wheel.py --output {making} --jobs "{jobs}"'


def _keep(state: State, host: Host, folder: str, kept: CachedWheel) -> bool:
    """Store the wheel on this machine for the next host of its kind, and log its checksum."""
    status, output = host.run_shell_command(
        StringCommand(f"cat {folder}/complete"), **connector_arguments(host)
    )
    digest, name = output.stdout_lines[-1].split()  # a login shell may print something first
    host.log(f"zeroc-ice wheel {name}: sha256 {digest}")
    try:
        kept.folder.mkdir(parents=True, exist_ok=True)
        # another host of its kind may do the same at the same time
        beside = kept.folder / f"{name}.{host.name.replace('/', '-')}.{os.getpid()}.new"
        content = read_file(host, f"{folder}/{name}", **connector_arguments(host))
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            raise OSError("the copy differs from the file on the host")
        beside.write_bytes(content)
        kept.sums.unlink(missing_ok=True)
        beside.replace(kept.folder / name)
        kept.sums.write_text(f"{digest}  {name}\n", encoding="ascii")
    except OSError as error:  # only a cache: the host has its wheel
        logger.warning(f"the zeroc-ice wheel could not be stored in {kept.folder}: {error}")
    return status
