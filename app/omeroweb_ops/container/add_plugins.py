"""Add plugins outside the catalogue to an image: `RUN omeroweb-ops add-plugins FILE`.

Runs as root in a Dockerfile that begins with `FROM omero-web`. FILE is a requirements file in which
each line has its hash. The packages are installed from wheels. Then the user omero-web checks the
image's configuration and collects its static files. Files that only the build needs are removed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import IO

from ..locations import Locations
from ..releases.plugin_requirements import unmet

PIP_WHEELS = Path("/usr/share/python-wheels")  # of Debian's package python3-pip-whl
_APT = ("/var/lib/apt/lists", "/var/cache/apt", "/var/log")
_OPTIONS = (
    "--quiet",
    "--no-cache-dir",
    "--disable-pip-version-check",
    "--root-user-action=ignore",
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
)
_HOW_TO_LOCK = (
    "make the file with uv pip compile --generate-hashes --constraint app/requirements.txt "
    "--no-emit-package zeroc-ice"
)


class Refused(Exception):
    """The plugins cannot be added; the message has the reason."""


def main(arguments: Sequence[str]) -> int:
    """Add the plugins that a file names. Returns the exit status."""
    if len(arguments) != 1 or os.geteuid() != 0:
        print("usage, as root in a Dockerfile: omeroweb-ops add-plugins FILE", file=sys.stderr)
        return 2
    try:
        with _pip() as pip:
            install(pip, Path(arguments[0]))
        _take_static_files()
    except Refused as error:
        print(f"omeroweb-ops: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _pip() -> Iterator[Path]:
    """Return the path of Debian's pip, which Python runs from its wheel; installed if need be."""
    absent = not sorted(PIP_WHEELS.glob("pip-*.whl"))
    if absent:
        _run("apt-get", "update", "-q")
        _run("apt-get", "install", "-q", "-y", "--no-install-recommends", "python3-pip-whl")
    try:
        yield sorted(PIP_WHEELS.glob("pip-*.whl"))[-1] / "pip"
    finally:
        if absent:
            _run("apt-get", "purge", "-q", "-y", "--auto-remove", "python3-pip-whl")
            for folder in map(Path, _APT):
                _empty(folder)


def install(pip: Path, lock: Path) -> None:
    """Install the packages of a lock from wheels, by their hashes. Raises Refused."""
    install = [sys.executable, str(pip), "--python", sys.executable, "install", *_OPTIONS]
    install += ["-r", str(lock)]
    planned = json.loads(_run(*install, "--dry-run", "--report=-"))["install"]
    packages = {each["metadata"]["name"]: each["metadata"]["version"] for each in planned}
    for name, version in packages.items():
        present = _version(name)
        if present:
            raise Refused(f"{lock} has {name} {version}, the image {present}; {_HOW_TO_LOCK}")
    _run(*install)
    missing = [sentence for name in packages for sentence in unmet(name)]
    if missing:
        raise Refused("; ".join(missing))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _take_static_files() -> None:
    """Have the user omero-web check the configuration and collect, and take the regular files."""
    locations = Locations.from_environment()
    var = locations.omerodir / "var"
    owner = var.stat()
    command = [sys.executable, "-I", "-m", f"{__package__}.collect"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, user=owner.st_uid, group=owner.st_gid, extra_groups=[]
    ) as child:
        assert child.stdout
        whole = False
        with suppress(tarfile.TarError):  # the child has reported the reason
            unpack(child.stdout, locations.static.resolve())
            whole = True
    if child.returncode or not whole:
        raise Refused("the plugins are not added")
    _empty(var)


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Extract the regular files of a tar archive, and nothing else, to a directory."""
    with tarfile.open(fileobj=archive, mode="r|") as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or member.name.startswith("/") or ".." in parts:
                continue
            path, new = folder.joinpath(*parts), content.read()
            if path.is_file() and path.read_bytes() == new:
                continue  # a written file is whole in the image's new layer
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(new)
            os.utime(path, (member.mtime, member.mtime))


def _run(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        name = "pip" if command[0] == sys.executable else " ".join(command[:2])
        raise Refused(f"{name} has failed (exit status {done.returncode})")
    return done.stdout


def _empty(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
