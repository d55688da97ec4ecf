"""What the survey tells of a host's files, packages and user, so that no role has to ask.

Each question is a remote call of its own otherwise, and an idle deploy is made of little else. An
answer holds until a command is run on the host, and for a minute: without `-y` a person is asked
in between. What is not told is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from omeroweb_ops.locations import BASE, CURRENT, OMERODIR, RELEASES
from pyinfra.api import Host

from ..conventions import USER
from ..host_paths import (
    CACHE,
    FORMER_LIVENESS_SERVICE,
    NGINX_ENABLED,
    NGINX_TLS,
    OWNED,
    PAGES,
    REDIS_CONFIGURATION,
    SUPERVISOR_PROGRAMS,
)
from . import run_context, shell_file

MAX_AGE = 60.0  # seconds
PYTHON = "/usr/bin/python3"  # Debian's; a link to the versioned name
DAMAGED = "damaged"  # the state of the file that marks a release whose own files are not as built
# Shell patterns. A path that a role needs and that is not here costs a remote call, no more.
PREFETCHED_PATHS = (
    *OWNED,
    *(f"{directory}/*" for directory in (NGINX_TLS, PAGES, REDIS_CONFIGURATION)),
    *(f"{BASE}{below}/*" for below in ("", "/bin", "/state", "/branding")),
    *(f"{OMERODIR}/{name}" for name in ("bin", "bin/omero", "etc", "etc/grid")),
    *(f"{OMERODIR}/var{directory}" for directory in ("", "/log", "/omero", "/sessions")),
    *(f"{RELEASES}/*/complete", f"{RELEASES}/*/plugins"),
    *(f"{CACHE}/tools/complete", f"{CACHE}/ice/*/complete"),
    *(FORMER_LIVENESS_SERVICE, f"{SUPERVISOR_PROGRAMS}/*.conf"),
    "/etc/systemd/system/*.service.d",
    f"{NGINX_ENABLED}/default",
    PYTHON,
)


RELEASE_FILES = shell_file.read(__file__, "release_files.sh")  # measure and has_all
_SCRIPT = shell_file.read(__file__, "prefetch.sh")


def script(packages: Iterable[str]) -> str:
    """Return the part of the survey that prints these facts; it has the functions of survey.sh.

    States are in the words of `operations.files`.
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
    """states: path to state, of what is there at PREFETCHED_PATHS; None where nothing was told.

    packages: that were asked for. installed: those of them that are. at: time.monotonic() then.
    """

    states: Mapping[str, str] | None = None
    packages: frozenset[str] = frozenset()
    installed: frozenset[str] = frozenset()
    user: bool = False
    at: float = field(default_factory=time.monotonic)

    def state(self, path: str) -> str | None:
        """What stands at a path; None where that was not told."""
        if self.states is None:
            return None
        if path in self.states:
            return self.states[path]
        pure = PurePosixPath(path)
        hidden = any(part.startswith(".") for part in pure.parts)  # `*` leaves those out
        return "absent" if not hidden and any(map(pure.match, PREFETCHED_PATHS)) else None

    def missing(self, names: Collection[str]) -> list[str] | None:
        """Those of the packages that are not installed; None where that was not told."""
        if not self.packages.issuperset(names):
            return None
        return [name for name in names if name not in self.installed]


NO_FACTS = PrefetchedFacts()


def read(lines: Iterable[str]) -> PrefetchedFacts:
    """From the survey's output; NO_FACTS where it was cut."""
    states: dict[str, str] = {}
    digests: dict[str, str] = {}
    installed, damaged, user, path = set(), set(), False, ""
    for line in lines:
        key, _, value = line.partition("=")
        if key == "place":
            kind, mode, owner, path = value.split(" ", 3)
            if kind in "fd":
                states[path] = f"{'file' if kind == 'f' else 'directory'} {mode} {owner}"
        elif key == "target":  # of the place before
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
                    told = f"{state} {digests.get(path)}"
                    states[path] = DAMAGED if path in damaged else told
            return PrefetchedFacts(states, frozenset(value.split()), frozenset(installed), user)
    return NO_FACTS


def remember(host: Host, facts: PrefetchedFacts) -> None:
    """Let a host's roles know."""
    run_context.of(host.state).put(facts, host.name)


def current(host: Host) -> PrefetchedFacts:
    """What is known of a host now."""
    facts = run_context.of(host.state).get(PrefetchedFacts, host.name) or NO_FACTS
    stale = time.monotonic() - facts.at > MAX_AGE
    return NO_FACTS if stale or _has_run_something(host) else facts


def _has_run_something(host: Host) -> bool:
    operations = host.state.ops[host.state.inventory.get_host(host.name)]
    return any(each.operation_meta.executed for each in operations.values())
