"""Prefetch the states of files, the packages and the user of a host with the survey.

This saves a remote call for each operation, which is most of an idle deploy's time. The facts are
valid until an operation runs a command on the host, and for MAX_AGE at most: without `-y` pyinfra
waits for the user's confirmation. A path outside PREFETCHED_PATHS costs a fact of its own.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from omeroweb_ops.locations import BASE, CURRENT, OMERODIR, RELEASES

from ..conventions import USER
from ..host_paths import (
    CACHE,
    FORMER_LIVENESS_SERVICE,
    NGINX_DEFAULTS,
    NGINX_TLS,
    NOTIFY_CODE,
    NOTIFY_STATE,
    OWNED,
    PAGES,
    REDIS_CONFIGURATION,
    SENDMAIL,
    STAMPS,
    SUPERVISOR_PROGRAMS,
)
from . import shell_file

PYTHON = "/usr/bin/python3"  # Debian's; a link to the versioned name
DAMAGED = "damaged"  # the state of the file `complete` of a release with missing or smaller files
# Shell patterns. A path that a role needs and that is not here costs a remote call, no more.
PREFETCHED_PATHS = (
    *OWNED,
    *(f"{directory}/*" for directory in (NGINX_TLS, PAGES, REDIS_CONFIGURATION)),
    *(f"{BASE}{below}/*" for below in ("", "/bin", "/state", "/branding")),
    *(f"{OMERODIR}/{name}" for name in ("bin", "bin/omero", "etc", "etc/grid")),
    *(f"{OMERODIR}/var{directory}" for directory in ("", "/log", "/omero", "/sessions")),
    *(f"{RELEASES}/*/complete", f"{RELEASES}/*/plugins"),
    *(f"{CACHE}/tools/complete", f"{CACHE}/ice/*/complete"),
    *(f"{NOTIFY_CODE}/*", NOTIFY_STATE, SENDMAIL),
    *(FORMER_LIVENESS_SERVICE, f"{SUPERVISOR_PROGRAMS}/*.conf"),
    "/etc/systemd/system/*.service.d",
    *NGINX_DEFAULTS,
    f"{STAMPS}/*",
    PYTHON,
)


RELEASE_FILES = shell_file.read(__file__, "release_files.sh")  # measure and has_all
_SCRIPT = shell_file.read(__file__, "prefetch.sh")


def script(packages: Iterable[str]) -> str:
    """Return the part of the survey that prints these facts. It needs the functions of survey.sh.

    States have the form of the items' `state` in `operations.files`.
    """
    return RELEASE_FILES + shell_file.command(
        _SCRIPT,
        current=CURRENT,
        user=USER,
        paths=" ".join(PREFETCHED_PATHS),
        packages=" ".join(packages),
    )


@dataclass(frozen=True)
class PrefetchedFacts:
    """Facts of a host that the survey has prefetched.

    states: path to state for PREFETCHED_PATHS that exist; None if unknown. packages: the names that
    were looked up. installed: the installed ones among them. at: time.monotonic() of the survey.
    """

    states: Mapping[str, str] | None = None
    packages: frozenset[str] = frozenset()
    installed: frozenset[str] = frozenset()
    user: bool = False
    at: float = field(default_factory=time.monotonic)

    def state(self, path: str) -> str | None:
        """Return the state of a path; None if it is unknown."""
        if self.states is None:
            return None
        if path in self.states:
            return self.states[path]
        pure = PurePosixPath(path)
        hidden = any(part.startswith(".") for part in pure.parts)  # the shell's `*` skips them
        return "absent" if not hidden and any(map(pure.match, PREFETCHED_PATHS)) else None

    def missing(self, names: Collection[str]) -> list[str] | None:
        """Return the packages that are not installed; None if that is unknown."""
        if not self.packages.issuperset(names):
            return None
        return [name for name in names if name not in self.installed]


NO_FACTS = PrefetchedFacts()


def read(lines: Iterable[str]) -> PrefetchedFacts:
    """Parse the survey's output. Returns NO_FACTS if the output is incomplete."""
    states: dict[str, str] = {}
    digests: dict[str, str] = {}
    installed, damaged, user, path = set(), set(), False, ""
    for line in lines:
        key, _, value = line.partition("=")
        if key == "place":
            kind, mode, owner, path = value.split(" ", 3)
            if kind in "fd":
                states[path] = f"{'file' if kind == 'f' else 'directory'} {mode} {owner}"
        elif key == "target":  # of the path in the line before
            states[path] = f"link {value}"
        elif key == "sha256":
            digest, _, file = value.partition("  ")
            digests[file] = digest
        elif key == "damaged":
            damaged.add(value)
        elif key == "installed":
            installed.add(value)
        elif key == "user":
            user = True
        elif key == "packages":
            for path, state in states.items():
                if state.startswith("file "):
                    whole = f"{state} {digests.get(path)}"
                    states[path] = DAMAGED if path in damaged else whole
            return PrefetchedFacts(states, frozenset(value.split()), frozenset(installed), user)
    return NO_FACTS
