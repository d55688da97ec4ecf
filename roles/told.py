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
from weakref import WeakKeyDictionary

from omeroweb_ops.locations import BASE, OMERODIR, RELEASES
from pyinfra.api import Host, State

from .site import CACHE, USER

FRESH = 60.0  # seconds
# Shell patterns; a path that is asked for and not here costs a remote call, no more.
PLACES = (
    *("/etc/cron.d/omero-web*", "/etc/cron.daily/omero-web*", "/etc/sudoers.d/omero-web"),
    *("/etc/nginx/conf.d/omero-web.conf", "/etc/nginx/sites-enabled/default"),
    *("/etc/nginx/omero-web", "/etc/nginx/omero-web/*"),
    *("/etc/omero-web-redis", "/etc/omero-web-redis/omero-web.conf", "/etc/omero-web.nft"),
    *("/etc/supervisor/conf.d/*.conf", "/etc/systemd/system/omero-web*"),
    *("/etc/systemd/system/*.service.d", "/etc/systemd/system/*.service.d/omero-web*.conf"),
    *(str(BASE), f"{BASE}/*", f"{BASE}/bin/*", f"{BASE}/state/*", f"{BASE}/branding/*"),
    *(f"{OMERODIR}/etc", f"{OMERODIR}/etc/grid"),
    *(f"{OMERODIR}/var{folder}" for folder in ("", "/log", "/omero", "/sessions")),
    *(f"{RELEASES}/*/complete", f"{RELEASES}/*/plugins"),
    *(f"{CACHE}/tools/complete", f"{CACHE}/ice/*/complete"),
    *("/usr/local/bin/omero*", "/usr/local/sbin/omero-web*"),
    *("/usr/local/share/omero-web", "/usr/local/share/omero-web/*"),
    *("/var/lib/omero-web-redis", "/var/www/omero-web-acme"),
)


def script(packages: Iterable[str]) -> str:
    """Part of the survey. What a path is, is told in the words of `roles.items`."""
    names = " ".join(packages)
    return rf"""
places() {{ find {" ".join(PLACES)} -maxdepth 0 "$@" 2>/dev/null; }}
places -printf 'place=%y %m %u:%g %p\n' -type l -printf 'link=%p\t%l\n'
places -type f -exec sha256sum {{}} + | sed 's/^/sha256=/'
dpkg-query -W -f='${{db:Status-Status}}=${{Package}}\n' {names} 2>/dev/null | grep ^installed=
getent passwd {USER} >/dev/null && getent group {USER} >/dev/null && echo user=yes
echo 'packages={names}' # all is told
"""


@dataclass(frozen=True)
class Told:
    """states: path to state, of what is there at PLACES; None where nothing was told.

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
        return "absent" if not hidden and any(map(pure.match, PLACES)) else None

    def missing(self, names: Collection[str]) -> list[str] | None:
        """Those of the packages that are not installed; None where that was not told."""
        if not self.packages.issuperset(names):
            return None
        return [name for name in names if name not in self.installed]


NOTHING = Told()
_HELD: WeakKeyDictionary[State, dict[str, Told]] = WeakKeyDictionary()


def read(lines: Iterable[str]) -> Told:
    """From the survey's output; NOTHING where it was cut."""
    states: dict[str, str] = {}
    digests: dict[str, str] = {}
    installed, user = set(), False
    for line in lines:
        key, _, value = line.partition("=")
        if key == "place":
            kind, mode, owner, path = value.split(" ", 3)
            if kind in "fd":
                states[path] = f"{'file' if kind == 'f' else 'directory'} {mode} {owner}"
        elif key == "link":
            path, _, target = value.partition("\t")
            states[path] = f"link {target}"
        elif key == "sha256":
            digest, _, path = value.partition("  ")
            digests[path] = digest
        elif key == "installed":
            installed.add(value)
        elif key == "user":
            user = True
        elif key == "packages":
            for path, state in states.items():
                if state.startswith("file "):
                    states[path] = f"{state} {digests.get(path)}"
            return Told(states, frozenset(value.split()), frozenset(installed), user)
    return NOTHING


def hold(host: Host, told: Told) -> None:
    """Let a host's roles know."""
    _HELD.setdefault(host.state, {})[host.name] = told


def of(host: Host) -> Told:
    """What is known of a host now."""
    told = _HELD.get(host.state, {}).get(host.name, NOTHING)
    stale = time.monotonic() - told.at > FRESH
    return NOTHING if stale or _has_run_something(host) else told


def _has_run_something(host: Host) -> bool:
    operations = host.state.ops[host.state.inventory.get_host(host.name)]
    return any(each.operation_meta.executed for each in operations.values())
