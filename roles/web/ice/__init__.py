"""zeroc-ice 3.6.5, which the package index has only as source: given, kept, or built once."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyinfra import host, logger
from pyinfra.api import FileUploadCommand, FunctionCommand, Host, State, StringCommand
from pyinfra.api.command import PyinfraCommand

from ... import packages
from ...items import receive
from ...packages import connector_arguments
from ...site import CACHE

BUILDER = Path(__file__).parent / "build_wheel.py"
ON_HOST = CACHE / "ice"
_COMPILERS = ("g++", "python3-dev", "libssl-dev", "libbz2-dev")


@dataclass(frozen=True)
class Wheel:
    """A wheel, known by what makes it.

    given: the path or URL of a prebuilt one, None to build. key: digest of the wheel given, or of
    the builder (which pins the archive and holds the fixes) and the platform.
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
            made_by = Path(given).read_bytes()
        return cls(given, hashlib.sha256(made_by).hexdigest()[:16])

    @property
    def folder(self) -> Path:
        """Where the wheel is kept on the host."""
        return ON_HOST / self.key

    @property
    def kept(self) -> Path | None:
        """The wheel that an earlier run brought back to this machine."""
        found = sorted(self._kept_folder.glob("*.whl"))
        return found[0] if found else None

    @property
    def _kept_folder(self) -> Path:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(cache) / "omeroweb-bundle" / "ice" / self.key

    def commands(self, environment: str, tools: Path) -> Iterator[PyinfraCommand]:
        """Bring the wheel to its folder on the host."""
        yield StringCommand(f"rm -rf {self.folder} && mkdir -p {self.folder}")
        local = self.kept if self.given is None else Path(self.given)
        if self.given and "://" in self.given:
            url, _, digest = self.given.partition("#sha256=")
            name = shlex.quote(url.rsplit("/", 1)[1])
            yield StringCommand(
                f"{environment} cd {self.folder} && {tools}/bin/python -c "
                "'import sys, urllib.request as u; u.urlretrieve(sys.argv[1], sys.argv[2])' "
                f"{shlex.quote(url)} {name} && echo '{digest}  '{name} | sha256sum -c --quiet"
            )
        elif local:
            yield FileUploadCommand(str(local), f"{self.folder}/{local.name}")
        else:
            yield from self._build(environment, tools)
        yield StringCommand(f"chmod 644 {self.folder}/*.whl && touch {self.folder}/complete")

    def _build(self, environment: str, tools: Path) -> Iterator[PyinfraCommand]:
        host.log("No zeroc-ice wheel at hand: building it once, 2 to 4 minutes on 2 cores.")
        yield packages.install(_COMPILERS)
        builder = BUILDER.read_text("utf-8")
        yield StringCommand(receive(f"{ON_HOST}/build_wheel.py", builder), _stdin=builder)
        build = (
            f"{environment} {tools}/bin/python -u {ON_HOST}/build_wheel.py --output {self.folder}"
        )
        yield packages.run_with_progress(build)  # it takes minutes
        yield FunctionCommand(_keep, (str(self.folder), str(self._kept_folder)), {})


def _keep(state: State, host: Host, folder: str, here: str) -> bool:
    """Bring the wheel back to this machine, for the next host of its kind."""
    status, output = host.run_shell_command(
        StringCommand(f"ls {folder}"), **connector_arguments(host)
    )
    name = output.stdout.strip()
    target = Path(here) / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # another host of its kind may bring its own at the same time
        beside = target.with_name(f"{name}.{host.name.replace('/', '-')}.{os.getpid()}.new")
        host.get_file(f"{folder}/{name}", str(beside), **connector_arguments(host))
        beside.replace(target)
    except OSError as error:  # a convenience: the host has its wheel
        logger.warning(f"the zeroc-ice wheel could not be kept in {here}: {error}")
    return status
