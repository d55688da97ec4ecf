"""Base images for the test hosts: real minimal Debian, made on this machine.

No registry is asked, so the tests run on a closed network that has a Debian mirror, and the
images hold what a freshly installed host holds: no policy-rc.d, no trimmed apt configuration.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import docker
from docker.errors import APIError, ImageNotFound

from tests.integration.engine import apt_install, as_root
from tests.integration.session import locked

Kind = Literal["plain", "systemd", "ssh"]
Suite = Literal["bookworm", "trixie"]

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "omeroweb-bundle-test"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# A TLS-inspecting proxy signs with a certificate that only this machine's bundle knows.
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
CA_ENVIRONMENT = {"PIP_CERT": str(CA_BUNDLE), "SSL_CERT_FILE": str(CA_BUNDLE)}
KEEP = 2

_PACKAGES: dict[Kind, list[str]] = {"plain": ["ca-certificates", "python3"]}
_PACKAGES["systemd"] = [*_PACKAGES["plain"], "systemd", "systemd-sysv", "dbus"]
_PACKAGES["ssh"] = [*_PACKAGES["systemd"], "openssh-server", "sudo"]

_SYSTEMD_CHANGES = ['CMD ["/sbin/init"]', "ENV container=docker"]
_CHANGES: dict[Kind, list[str]] = {
    "plain": ['CMD ["sleep", "infinity"]'],
    "systemd": _SYSTEMD_CHANGES,
    "ssh": _SYSTEMD_CHANGES,
}


def base_image(engine: docker.DockerClient, kind: Kind, suite: Suite = "bookworm") -> str:
    """Return the tag of an image of that kind, making it where this week's is not there."""
    recipe = _recipe(kind, suite)
    repository, digest = f"{REPOSITORY}/{kind}-{suite}", _digest(recipe)
    tag = f"{repository}:{digest}"
    with locked(cache_folder("images") / f"{kind}-{suite}.lock"):
        with contextlib.suppress(ImageNotFound):
            engine.images.get(tag)
            return tag
        tarball = cache_folder("images") / f"{kind}-{suite}-{digest}.tar"
        if not tarball.exists():
            _make_tarball(tarball, suite, recipe)
        changes = [f"ENV {name}={value}" for name, value in CA_ENVIRONMENT.items()]
        engine.api.import_image_from_file(
            str(tarball), repository, digest, changes=[*changes, *_CHANGES[kind]]
        )
        _prune(engine, kind, suite)
    return tag


def cache_folder(name: str) -> Path:
    """Return a folder that outlives the test session."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "omeroweb-bundle" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _recipe(kind: Kind, suite: Suite) -> dict[str, object]:
    return {
        "packages": _PACKAGES[kind],
        "sources": apt_sources(suite),
        "hooks": _hooks(kind, suite),
        "certificates": hashlib.sha256(CA_BUNDLE.read_bytes()).hexdigest(),
        "changes": _CHANGES[kind],
        "architecture": platform.machine(),
        # Debian's security updates reach the test hosts once a week.
        "week": "{}-{}".format(*datetime.date.today().isocalendar()[:2]),
    }


def _hooks(kind: Kind, suite: Suite) -> list[str]:
    environment = "".join(f"{name}={value}\n" for name, value in CA_ENVIRONMENT.items())
    hooks = [
        f'cp {CA_BUNDLE} "$1{CA_BUNDLE}"',
        # For what PAM starts: ssh, sudo and cron sessions do not see the image's ENV.
        f'printf %s {shlex.quote(environment)} >> "$1/etc/environment"',
    ]
    if kind == "systemd" and suite == "trixie":
        # Debian 13 mounts a tmpfs there, under which `docker cp` (so pyinfra's uploads) goes lost.
        hooks.append('ln -s /dev/null "$1/etc/systemd/system/tmp.mount"')
    if kind == "ssh":
        hooks += [
            'chroot "$1" useradd --create-home --shell /bin/bash admin',
            'echo "admin ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/admin"',
            'chmod 0440 "$1/etc/sudoers.d/admin"',
        ]
    return hooks


def _make_tarball(tarball: Path, suite: Suite, recipe: dict[str, object]) -> None:
    if shutil.which("mmdebstrap") is None or not KEYRING.exists():
        apt_install("mmdebstrap", "debian-archive-keyring")
    packages, hooks, sources = recipe["packages"], recipe["hooks"], recipe["sources"]
    assert isinstance(packages, list) and isinstance(hooks, list) and isinstance(sources, list)
    partial = tarball.with_name(f".{os.getpid()}-{tarball.name}")
    command = as_root(
        "mmdebstrap",
        "--variant=minbase",
        "--format=tar",
        f"--include={','.join(packages)}",
        *(f"--customize-hook={hook}" for hook in hooks),
        suite,
        str(partial),
        # "-" is a sources.list on standard input; without it mmdebstrap uses its own default.
        *(["-"] if sources else []),
    )
    try:
        subprocess.run(command, input="".join(sources), check=True, capture_output=True, text=True)
        partial.rename(tarball)
    except subprocess.CalledProcessError as failure:
        end = "\n".join(failure.stderr.splitlines()[-20:])
        raise RuntimeError(f"mmdebstrap could not make {tarball.name}:\n{end}") from failure
    finally:
        partial.unlink(missing_ok=True)


def apt_sources(suite: Suite) -> list[str]:
    """Return sources.list lines for a suite from the mirrors that this Debian machine uses.

    Empty on another distribution, or where no Debian mirror is named.
    """
    release = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    if release.get("ID") != "debian" or "VERSION_CODENAME" not in release:
        return []
    here = release["VERSION_CODENAME"].strip('"')
    mirrors: dict[str, str] = {}
    for uri, named in _machine_sources():
        if named in (here, f"{here}-updates", f"{here}-security"):
            mirrors.setdefault(named.removeprefix(here), uri)
    if "" not in mirrors:
        return []
    return [
        f"deb [signed-by={KEYRING}] {uri} {suite}{part} main\n" for part, uri in mirrors.items()
    ]


def _machine_sources() -> Iterator[tuple[str, str]]:
    """Yield each (URI, suite) of the machine's apt sources, in both of apt's formats."""
    apt = Path("/etc/apt")
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        for stanza in path.read_text().split("\n\n"):
            lines = [line for line in stanza.splitlines() if line and not line.startswith("#")]
            fields = dict(line.split(":", 1) for line in lines if ":" in line and line[0] != " ")
            if fields.get("Enabled", "").strip() != "no":
                for uri in fields.get("URIs", "").split():
                    for suite in fields.get("Suites", "").split():
                        yield uri, suite
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]:
        for line in path.read_text().splitlines() if path.exists() else []:
            words = line.split("]", 1)[-1].split() if "[" in line else line.split()[1:]
            if line.startswith("deb ") and len(words) >= 2:
                yield words[0], words[1]


def _prune(engine: docker.DockerClient, kind: Kind, suite: Suite) -> None:
    """Drop what earlier weeks and recipes left; two are kept, for two checkouts in turn."""
    made = sorted(
        cache_folder("images").glob(f"{kind}-{suite}-*.tar"),
        key=lambda tarball: tarball.stat().st_mtime,
        reverse=True,
    )
    for tarball in made[KEEP:]:
        tarball.unlink(missing_ok=True)
    repository = f"{REPOSITORY}/{kind}-{suite}"
    kept = {f"{repository}:{tarball.stem.rsplit('-', 1)[1]}" for tarball in made[:KEEP]}
    for tag in set(tags(engine, repository)) - kept:
        # Refused where a host of another session runs on it.
        with contextlib.suppress(APIError):
            engine.images.remove(tag)


def tags(engine: docker.DockerClient, repository: str | None = None) -> list[str]:
    """Return the images' tags.

    Not by images.list(), which asks for each again and fails where another session removes one.
    """
    return [tag for image in engine.api.images(repository) for tag in image["RepoTags"] or ()]


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


# zeroc-ice, which no package index has as a wheel

BUILD_RECIPE = ROOT / "roles" / "web" / "ice"
BUILD_STEPS = [
    ("apt-get -qq update", 300),
    (
        "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends"
        " g++ python3-dev libssl-dev libbz2-dev python3-venv",
        600,
    ),
    ("python3 -m venv /build/venv && /build/venv/bin/pip -q install 'setuptools>=70.1'", 600),
    ("/build/venv/bin/python /build/recipe/build_wheel.py --output /build/wheel", 3600),
]
