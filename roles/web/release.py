"""The release: a virtualenv in a folder named by what made it, complete or absent.

The folder's name is the digest of the lock, our own package, the Ice wheel and the platform.
It is built in place (a virtualenv cannot be moved) and `complete` is written last, when all
else is on disk, so a build that was killed is started over. A link switches to it.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import tempfile
from collections.abc import Generator
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

from ..conventions import CACHE
from ..inventory.plugins import Addition, additions
from ..inventory.settings import Settings
from ..operations.files import File, read_states, write_from_stdin
from ..operations.prefetch import DAMAGED, PYTHON, measure
from ..survey import Survey
from . import builder
from .builder import UV_CACHE
from .ice import Wheel
from .plugin_requirements import check_command

PROJECT = Path(__file__).parents[2]
APP = PROJECT / "app"
TOOLS_LOCK = Path(__file__).parent / "tools.txt"
TOOLS = CACHE / "tools"
# A site's own certificate authority is in the system's store, which neither pip nor uv asks.
CERTIFICATES = (
    "c=/etc/ssl/certs/ca-certificates.crt; [ -e $c ] && export PIP_CERT=${PIP_CERT:-$c} "
    "SSL_CERT_FILE=${SSL_CERT_FILE:-$c}; export PIP_DISABLE_PIP_VERSION_CHECK=1; "
    # a mirror in pip's configuration is the site's index for uv too (`pip config get` asks the
    # user's own file alone)
    f"[ -x {TOOLS}/bin/pip ] && index=$({TOOLS}/bin/pip config list 2>/dev/null | "
    "sed -nE \"s/^(:env:|global|install)\\.index-url='(.*)'$/\\2/p\" | head -n 1) && "
    '[ -n "$index" ] && export UV_DEFAULT_INDEX="$index"; '
)
_RESERVED = (COMPLETE, PLUGINS_FILE, "collected", "served", "static")
# What never served makes room; `bin/release seen` keeps the last three of those that did.
_UNSERVED = (
    f'for each in {RELEASES}/*; do [ -d "$each" ] && [ ! -e "$each/served" ] || continue; '
    f'case $each in "$(readlink -f {CURRENT})"|"$(readlink -f {PREVIOUS})") ;; '
    '*) rm -rf "$each" ;; esac; done'
)


@dataclass(frozen=True)
class Release:
    """What a release is made of; `name` follows from all of it but what is only shown."""

    lock: str
    ice: Wheel
    platform: str
    plugins: tuple[Addition, ...] = ()
    shown: tuple[str, ...] = ()  # packages of plugins, of which the lock may have some itself

    @cached_property
    def name(self) -> str:
        plugins = sorted(each.key for each in self.plugins)
        parts = (self.lock, app_digest(), self.ice.key, self.platform, *plugins)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    @property
    def path(self) -> Path:
        return RELEASES / self.name


def wanted(settings: Settings, survey: Survey) -> Release:
    """The release that a host should have."""
    lock = Path(settings.web_requirements or APP / "requirements.txt").read_text(encoding="utf-8")
    ice = Wheel.wanted(settings.web_ice_wheel, survey.platform)
    shown = sorted(canonicalize_name(each.package) for each in settings.web_plugins)
    added = additions(settings.web_plugins, settings.web_requirements)
    return Release(lock, ice, survey.platform, added, tuple(shown))


def app_digest() -> str:
    """Of our own package's sources."""
    digest = hashlib.sha256()
    for path in sorted((APP / "omeroweb_ops").rglob("*")):
        if path.suffix in (".py", ".json"):
            digest.update(str(path.relative_to(APP)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def runs(release: PurePath) -> str:
    """Shell: whether the Python that a release was built for is there. Before bin/release can be
    asked: an older bundle's does not know."""
    python = f"{release}/bin/python"
    return f'[ -x {python} ] && [ -d {release}/lib/"$(basename "$(readlink -f {python})")" ]'


@operation()
def install_uv() -> Generator[PyinfraCommand, None, None]:
    """uv, and setuptools for zeroc-ice, in a virtualenv of their own, from a hash-pinned lock.

    Another Python of the host's makes it anew.
    """
    lock = TOOLS_LOCK.read_text(encoding="utf-8")
    path = f"{TOOLS}/complete"
    found, python = read_states([path, PYTHON])
    digest = hashlib.sha256(f"{lock}\0{python}".encode()).hexdigest()
    if found.endswith(File(path, f"{digest}\n").digest):  # its mode follows root's umask
        return
    yield builder.provide()
    install = (
        f"{PYTHON} -m venv --without-pip {TOOLS}; "
        # Debian's own pip wheel, run as it is: unpacking it first would take 3 seconds
        "pip=$(echo /usr/share/python-wheels/pip-*.whl); "
        f'[ -e "$pip" ] || {{ pip=; {PYTHON} -m venv {TOOLS}; }}; '
        f'PYTHONPATH="$pip" {TOOLS}/bin/python -m pip install -q --require-hashes '
        f"-r {CACHE}/tools.txt"
    )
    yield StringCommand(
        f"{CERTIFICATES} set -e; umask 022; rm -rf {TOOLS}; mkdir {TOOLS}; "
        f"{write_from_stdin(f'{CACHE}/tools.txt', lock)}; "
        f"{builder.as_builder(TOOLS, install)}; "
        f"sync -f {TOOLS}; echo {digest} > {TOOLS}/complete",
        _stdin=lock,
    )


@operation()
def provide_ice(wheel: Wheel) -> Generator[PyinfraCommand, None, None]:
    """The zeroc-ice wheel on the host: given, kept from before, or built once.

    + wheel: the one that the release needs
    """
    if read_states([f"{wheel.folder}/complete"]) == ["absent"]:
        yield from wheel.commands(CERTIFICATES, TOOLS)


@operation()
def build(release: Release) -> Generator[PyinfraCommand, None, None]:
    """The release's virtualenv; nothing where it is complete, but for the note of its plugins.

    + release: what it is made of
    """
    path, shown = release.path, " ".join(release.shown)
    note = File(f"{path}/{PLUGINS_FILE}", f"{shown}\n")
    complete, noted = read_states([f"{path}/{COMPLETE}", note.path])
    if complete not in ("absent", DAMAGED):
        if noted != note.state:
            yield from note.commands()
        return
    yield StringCommand(f"{_UNSERVED}; rm -rf {path} && mkdir -p {path} && chmod 755 {path}")
    yield StringCommand(
        write_from_stdin(f"{path}/requirements.txt", release.lock), _stdin=release.lock
    )
    with tempfile.TemporaryDirectory() as folder:
        wheel = _app_wheel(Path(folder))
        yield from File.of(f"{path}/{wheel.name}", wheel.read_bytes()).commands()
    locks = {f"plugin-{n}.txt": each.lock for n, each in enumerate(release.plugins) if each.lock}
    for name, lock in locks.items():
        yield StringCommand(write_from_stdin(f"{path}/{name}", lock), _stdin=lock)
    own = [each.wheel for each in release.plugins if each.wheel]
    for plugin in own:
        yield from File.of(f"{path}/{plugin.name}", plugin.read_bytes()).commands()
    yield builder.provide()
    host.log("Installing OMERO.web and what it needs…")
    # copied from the cache, which stays the builder's
    uv = f"UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy {TOOLS}/bin/uv --cache-dir {UV_CACHE} --no-config"
    install = f"{uv} pip install -q --python {path}/bin/python --no-deps --compile-bytecode"
    files = " ".join(f"-r {name}" for name in ("requirements.txt", *locks))
    wheels = shlex.join(f"./{each.name}" for each in (wheel, *own))
    build = (
        # by its versioned name: Debian's next Python must not be taken for it
        f"{uv} venv -q --allow-existing --python $(readlink -f {PYTHON}) {path}; "
        f"{install} --require-hashes {files}; "
        f"{install} {release.ice.folder}/*.whl {wheels}; "
        f"{check_command(uv, path / 'bin/python', release.plugins)}; "
        f"{path}/bin/python -c 'import omero, omero.clients, omeroweb, gunicorn, omeroweb_ops'; "
        # older than what releases.static_compress makes of them, or each would be collected again
        "find lib -path '*/static/*' -type f -exec touch -d @946684800 {} +"
    )
    yield StringCommand(
        f"{CERTIFICATES} set -e; umask 022; "
        # what is left of a build that failed would fill the disk for the next one
        f"trap '[ -e {path}/{COMPLETE} ] || rm -rf {path}' EXIT; "
        f"chmod 644 {path}/*.whl {path}/*.txt; {release.ice.check()}; "
        f"{builder.as_builder(path, build)}; "
        # names at which root writes later: nothing of a package's may lead it elsewhere
        f"for name in {' '.join(_RESERVED)}; do rm -rf {path}/$name {path}/$name.*; done; "
        # what a power cut leaves of files that are not on disk yet would pass for a release
        f'size=$({measure(path)}); sync -f {path}; echo "$size" > {path}/{COMPLETE}'
    )
    yield from note.commands()


def _app_wheel(folder: Path) -> Path:
    """Our own package as a wheel; uv builds it without a network (uv_build is part of it)."""
    subprocess.run(
        [find_uv_bin(), "build", "-q", "--wheel", "--out-dir", str(folder), str(APP)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel
