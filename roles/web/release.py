"""Build the release: a virtualenv in a directory named by its sources, complete or absent.

The name is the digest of the lock, our own package, the Ice wheel, the plugins and the platform.
The release is built in place, because a virtualenv cannot be moved. `complete` is written last,
when all other files are on disk, so that a killed build starts again. A link activates the release.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from omeroweb_ops.locations import CURRENT, PREVIOUS, RELEASES
from omeroweb_ops.releases.installed import COMPLETE, PLUGINS_FILE
from packaging.utils import canonicalize_name
from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand
from uv import find_uv_bin

from ..host_paths import CACHE
from ..inventory import requirements_file
from ..inventory.plugins import Addition, additions
from ..inventory.settings import Settings
from ..operations import shell_file
from ..operations.files import File, write_from_stdin
from ..operations.prefetch import DAMAGED, PYTHON, RELEASE_FILES
from ..operations.sync import commands, read_states
from ..survey import Survey
from . import builder
from .builder import UV_CACHE
from .ice import Wheel

PROJECT = Path(__file__).parents[2]
APP = PROJECT / "app"
TOOLS_LOCK = Path(__file__).parent / "tools.txt"
TOOLS = CACHE / "tools"
_BUILD_TOOLS = shell_file.read(__file__, "build_tools.sh")
_INSTALL_TOOLS = shell_file.read(__file__, "install_tools.sh")
_START = shell_file.read(__file__, "start_release.sh")
_BUILD = shell_file.read(__file__, "build_release.sh")
_INSTALL = shell_file.read(__file__, "install_release.sh")
# Shell that makes pip and uv use the site's certificates and index.
PACKAGE_SOURCES = shell_file.command(shell_file.read(__file__, "package_sources.sh"), tools=TOOLS)
_RESERVED = (COMPLETE, PLUGINS_FILE, "collected", "served", "static")


@dataclass(frozen=True)
class Release:
    """The sources of a release; `name` is a digest of all except `shown`."""

    lock: str
    ice: Wheel
    platform: str
    plugins: tuple[Addition, ...] = ()
    shown: tuple[str, ...] = ()  # the plugins' packages, some of which the lock may have

    @cached_property
    def name(self) -> str:
        plugins = sorted(each.key for each in self.plugins)
        parts = (self.lock, app_digest(), self.ice.key, self.platform, *plugins)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    @property
    def path(self) -> Path:
        return RELEASES / self.name


def wanted(settings: Settings, survey: Survey) -> Release:
    """Return the release that a host should have."""
    lock = Path(settings.web_requirements or APP / "requirements.txt").read_text(encoding="utf-8")
    ice = Wheel.wanted(settings.web_ice_wheel, survey.platform)
    shown = sorted(canonicalize_name(each.package) for each in settings.web_plugins)
    added = additions(settings.web_plugins, settings.web_requirements)
    return Release(lock, ice, survey.platform, added, tuple(shown))


def app_digest() -> str:
    """Return the digest of our own package's sources."""
    digest = hashlib.sha256()
    for path in sorted((APP / "omeroweb_ops").rglob("*")):
        if path.suffix in (".py", ".json"):
            digest.update(str(path.relative_to(APP)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def runs(release: PurePath) -> str:
    """Return shell that tests whether the Python that a release was built for exists.

    bin/release is not used, because an older bundle's has no such check.
    """
    python = f"{release}/bin/python"
    return f'[ -x {python} ] && [ -d {release}/lib/"$(basename "$(readlink -f {python})")" ]'


@operation()
def install_uv() -> Generator[PyinfraCommand, None, None]:
    """Install uv, and setuptools for zeroc-ice, in a separate virtualenv from a hash-pinned lock.

    Another version of the host's Python installs it again.
    """
    lock = TOOLS_LOCK.read_text(encoding="utf-8")
    path = f"{TOOLS}/complete"
    found, python = read_states([path, PYTHON])
    digest = hashlib.sha256(f"{lock}\0{python}".encode()).hexdigest()
    if found.endswith(File(path, f"{digest}\n").digest):  # the mode depends on root's umask
        return
    yield builder.provide()
    kept = CACHE / "tools.txt"
    install = shell_file.command(_INSTALL_TOOLS, PYTHON, TOOLS, kept)
    yield StringCommand(
        PACKAGE_SOURCES
        + shell_file.command(
            _BUILD_TOOLS, kept, len(lock.encode()), digest, *builder.words(TOOLS, install)
        ),
        _stdin=lock,
    )


@operation()
def provide_ice(wheel: Wheel) -> Generator[PyinfraCommand, None, None]:
    """Provide the zeroc-ice wheel on the host: given, cached, or built once.

    + wheel: the wheel that the release needs
    """
    if read_states([f"{wheel.folder}/complete"]) == ["absent"]:
        yield from wheel.commands(PACKAGE_SOURCES, TOOLS)


@operation()
def build(release: Release) -> Generator[PyinfraCommand, None, None]:
    """Build the release's virtualenv, unless it is complete, and note its plugins.

    + release: the release's sources
    """
    path, shown = release.path, " ".join(release.shown)
    note = File(f"{path}/{PLUGINS_FILE}", f"{shown}\n")
    complete, noted = read_states([f"{path}/{COMPLETE}", note.path])
    if complete not in ("absent", DAMAGED):
        if noted != note.state:
            yield from commands(note)
        return
    yield StringCommand(shell_file.command(_START, path, CURRENT, PREVIOUS))
    yield StringCommand(
        write_from_stdin(f"{path}/requirements.txt", release.lock), _stdin=release.lock
    )
    with tempfile.TemporaryDirectory() as folder:
        wheel = _app_wheel(Path(folder))
        yield from commands(File.of(f"{path}/{wheel.name}", wheel.read_bytes()))
    locks = {f"plugin-{n}.txt": each.lock for n, each in enumerate(release.plugins) if each.lock}
    for name, lock in locks.items():
        yield StringCommand(write_from_stdin(f"{path}/{name}", lock), _stdin=lock)
    own = [each.wheel for each in release.plugins if each.wheel]
    for plugin in own:
        yield from commands(File.of(f"{path}/{plugin.name}", plugin.read_bytes()))
    yield builder.provide()
    host.log("Installing OMERO.web and its requirements…")
    yield StringCommand(build_command(release, locks, [wheel.name, *(each.name for each in own)]))
    yield from commands(note)


def build_command(release: Release, locks: Iterable[str], wheels: Iterable[str]) -> str:
    """Return shell that builds a release from the files in its directory.

    locks: names of the plugins' locks there. wheels: names of our own and of the plugins'.
    """
    path = release.path
    packages = {
        plugin.package: sorted({plugin.package, *requirements_file.pins(plugin.lock)})
        for plugin in release.plugins
    }
    install = shell_file.command(
        _INSTALL,
        path,
        release.ice.folder,
        *(f"./{name}" for name in wheels),
        python=PYTHON,
        uv=f"{TOOLS}/bin/uv",
        cache=UV_CACHE,
        requirements=" ".join(f"-r {name}" for name in ("requirements.txt", *locks)),
        plugins=json.dumps(packages),
    )
    return PACKAGE_SOURCES + shell_file.command(
        RELEASE_FILES + _BUILD,
        path,
        release.ice.folder,
        *builder.words(path, install),
        reserved=" ".join(_RESERVED),
    )


def _app_wheel(folder: Path) -> Path:
    """Build our own package as a wheel. uv needs no network for this (it includes uv_build)."""
    subprocess.run(
        [find_uv_bin(), "build", "-q", "--wheel", "--out-dir", str(folder), str(APP)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel
