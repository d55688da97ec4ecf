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
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePath

from omeroweb_ops.locations import CURRENT, PREVIOUS, RELEASES
from omeroweb_ops.releases.installed import COMPLETE, PLUGINS_FILE
from packaging.utils import canonicalize_name
from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand
from uv import find_uv_bin

from ..inventory import requirements_file
from ..inventory.plugins import Addition, additions
from ..inventory.settings import Settings
from ..operations import background, shell_file
from ..operations.files import File
from ..operations.prefetch import DAMAGED, PYTHON, RELEASE_FILES
from ..operations.sync import commands, read_states_to_write
from ..survey import Survey
from . import builder
from .builder import UV_CACHE
from .ice import Wheel
from .tools import PACKAGE_SOURCES, TOOLS

PROJECT = Path(__file__).parents[2]
APP = PROJECT / "app"
_START = shell_file.read(__file__, "start_release.sh")
_BUILD = shell_file.read(__file__, "build_release.sh")
_INSTALL = shell_file.read(__file__, "install_release.sh")
TASK = "release"  # of `background`
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


def is_complete(state: str | None) -> bool:
    """Return whether a release can be used, from the state of its file COMPLETE."""
    return state not in (None, "absent", DAMAGED)


def runs(release: PurePath) -> str:
    """Return shell that tests whether the Python that a release was built for exists.

    bin/release is not used, because an older bundle's has no such check.
    """
    python = f"{release}/bin/python"
    return f'[ -x {python} ] && [ -d {release}/lib/"$(basename "$(readlink -f {python})")" ]'


@operation()
def provide_ice(wheel: Wheel) -> Generator[PyinfraCommand, None, None]:
    """Provide the zeroc-ice wheel on the host: given, cached, or built once.

    + wheel: the wheel that the release needs
    """
    if read_states_to_write([f"{wheel.folder}/complete"]) == ["absent"]:
        yield from wheel.commands(PACKAGE_SOURCES, TOOLS)


@operation()
def build(release: Release) -> Generator[PyinfraCommand, None, None]:
    """Build the release's virtualenv, unless it is complete, and note its plugins.

    + release: the release's sources
    """
    yield from _missing(release)


@operation()
def start_build(release: Release) -> Generator[PyinfraCommand, None, None]:
    """Do the same while later operations run; `background.wait` waits for TASK.

    + release: the release's sources
    """
    missing = [*_missing(release)]
    if missing:
        yield background.start(TASK, missing)


def _missing(release: Release) -> Iterator[StringCommand]:
    """Yield the commands that build and note what is missing."""
    path, shown = release.path, " ".join(release.shown)
    note = File(f"{path}/{PLUGINS_FILE}", f"{shown}\n")
    complete, noted = read_states_to_write([f"{path}/{COMPLETE}", note.path])
    if not is_complete(complete):
        host.log("Installing OMERO.web and its requirements…")
        yield from _build(release)
    if not is_complete(complete) or noted != note.state:
        yield from commands(note)


def _build(release: Release) -> Iterator[StringCommand]:
    path = release.path
    yield StringCommand(shell_file.command(_START, path, CURRENT, PREVIOUS))
    locks = {f"plugin-{n}.txt": each.lock for n, each in enumerate(release.plugins) if each.lock}
    name, content = _app_wheel()
    wheels = [each.wheel for each in release.plugins if each.wheel]
    contents = {name: content, **{wheel.name: wheel.read_bytes() for wheel in wheels}}
    texts = {"requirements.txt": release.lock, **locks}
    yield from commands(
        *(File(f"{path}/{name}", text.rstrip("\n") + "\n") for name, text in texts.items()),
        *(File.of(f"{path}/{name}", content) for name, content in contents.items()),
        *builder.items(),
    )
    yield StringCommand(build_command(release, locks, contents))


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


@cache  # the same for all hosts
def _app_wheel() -> tuple[str, bytes]:
    """Build our own package as a wheel. uv needs no network for this (it includes uv_build)."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [find_uv_bin(), "build", "-q", "--wheel", "--out-dir", folder, str(APP)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        (wheel,) = Path(folder).glob("*.whl")
        return wheel.name, wheel.read_bytes()
