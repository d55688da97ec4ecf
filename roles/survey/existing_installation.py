"""Read from the survey which existing installation of OMERO.web a host has. Pure: no I/O.

It was made by the walkthrough of https://omero.readthedocs.io/ (OMERODIR /opt/omero/web/omero-web,
a unit or an init script, NGINX's conf.d/omeroweb.conf, cron.daily/omero-web) or by the Ansible role
ome.omero_web (OMERODIR /opt/omero/web/OMERO.web with bin/omero, NGINX's conf.d/omero-web.conf).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from omeroweb_ops.locations import BASE, EARLIER_OMERODIR, OMERODIR
from omeroweb_ops.shared.finding import Finding

from ..operations import shell_file
from ..operations.privilege import printable

MANAGED_MARKER = "Written by the OMERO.web bundle"
# the same expression for grep -E and for Python
_OMERO = (
    r"upstream[^;#{]*omeroweb|include[^;#]*omero[-_]?web"
    r"|proxy_pass[^;#]*//(omeroweb|(127\.0\.0\.1|\[::1?\]|localhost):4080)"
)
OUR_GUNICORN_CONF = f"{BASE}/gunicorn.conf.py"  # in the command line of the bundle's gunicorn
SCRIPT = shell_file.command(  # part of the survey
    shell_file.read(__file__, "existing_installation.sh"),
    base=BASE,
    omerodir=OMERODIR,
    former_omerodirs=EARLIER_OMERODIR,
    marker=MANAGED_MARKER,
    omero=_OMERO,
)


@dataclass(frozen=True)
class ExistingInstallation:
    """The paths of an existing installation, by kind.

    units, scripts (of init), dropins, crons, commands, sites (path to NGINX configuration). link:
    whether OMERODIR is a link. omerodir: another OMERODIR, whose configuration ours does not have.
    virtualenv: whether venv3 is a directory. running: whether its process uses OMERO.web's port.
    unsafe: paths that root would have to run or to remove, but that are links or belong to another
    user.
    """

    units: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    dropins: tuple[str, ...] = ()
    crons: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    sites: dict[str, str] = field(default_factory=dict)
    link: bool = False
    omerodir: str | None = None
    virtualenv: bool = False
    running: bool = False
    unsafe: tuple[str, ...] = ()

    @property
    def has_nginx_site(self) -> bool:
        """Whether NGINX has a site that the bundle's replaces."""
        return bool(self.sites)

    @property
    def is_installed(self) -> bool:
        """Whether anything besides NGINX's part is there that only root can have installed."""
        lists = (self.units, self.scripts, self.crons, self.commands)
        return any(lists) or any((self.link, self.omerodir, self.virtualenv))

    @property
    def has_omero_web(self) -> bool:
        """Whether anything besides NGINX's part is there."""
        return self.is_installed or self.running


NO_INSTALLATION = ExistingInstallation()


# The only places of each kind; a line with another path is ignored as forged.
_PLACES = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "unit": r"/(etc|usr/local/lib)/systemd/system/[^/]+\.service",
        "dropin": r"/(etc|usr/local/lib)/systemd/system/[^/]+\.service\.d",
        "init": r"/etc/init\.d/[^/]+",
        "cron": r"/etc/cron\.(d|hourly|daily|weekly|monthly|yearly)/[^/]+"
        r"|/var/spool/cron/crontabs/[^/]+",
        "virtualenv": re.escape(f"{BASE}/venv3"),
        "link": re.escape(str(OMERODIR)),
        "command": f"{re.escape(str(OMERODIR))}/bin/omero|/usr/local/bin/omero",
        "omerodir": r"(/[^/]+)+/?",
        "site": r"/etc/nginx/(conf\.d|sites-enabled)/[^/]+",
        "unsafe": r"(/[^/]+)+",
    }.items()
}


def read(output: Iterable[str], holder: str = "") -> ExistingInstallation:
    """Parse the survey's lines. holder: the command line of the process on OMERO.web's port."""
    found: dict[str, list[str]] = {}
    sites: dict[str, list[str]] = {}
    for line in output:
        key, _, value = line.partition("=")
        if key == "existing":
            kind, _, path = value.partition(" ")
            if kind in _PLACES and _PLACES[kind].fullmatch(path) and ".." not in path.split("/"):
                found.setdefault(kind, []).append(path)
        elif key == "line" and "site" in found:
            sites.setdefault(found["site"][-1], []).append(value)
    units = tuple(found.get("unit", ()))
    return ExistingInstallation(
        units=units,
        scripts=tuple(found.get("init", ())),
        dropins=tuple(f"{unit}.d" for unit in units if f"{unit}.d" in found.get("dropin", ())),
        crons=tuple(found.get("cron", ())),
        commands=tuple(found.get("command", ())),
        sites={path: "\n".join(sites.get(path, ())) for path in found.get("site", ())},
        link="link" in found,
        omerodir=next(iter(found.get("omerodir", ())), None),
        virtualenv="virtualenv" in found,
        running=f"{BASE}/" in holder
        and "omeroweb.wsgi" in holder
        and OUR_GUNICORN_CONF not in holder,
        unsafe=tuple(found.get("unsafe", ())),
    )


def unsafe_paths(found: ExistingInstallation) -> Iterator[Finding]:
    """Yield an error for each path that root must neither run nor remove."""
    for path in found.unsafe:
        yield Finding(
            printable(path),
            "belongs to an existing installation of OMERO.web, and is a symbolic link or does not "
            "belong to root; remove it, or make it a file that root owns",
        )


def errors(found: ExistingInstallation) -> Iterator[Finding]:
    """Yield the reasons why the existing installation cannot be taken over."""
    for path, text in found.sites.items():
        others = [name for name, omero in _servers(text) if not omero]
        if others:
            yield Finding(
                path,
                f"has OMERO.web and also {', '.join(others)}; move the other sites to a file "
                "of their own, because this file will be replaced",
            )


def warnings(
    found: ExistingInstallation, *, tls: bool, secure: Collection[str] = ()
) -> Iterator[Finding]:
    """Yield what visitors would miss after the takeover.

    secure: files whose servers have TLS, also by a file that they include.
    """
    for path, text in found.sites.items():
        own = re.search(r"^\s*listen\s[^;#]*\bssl\b", text, re.MULTILINE)
        if not tls and (own or path in secure):
            yield Finding(
                "nginx_tls",
                f"{path} uses TLS, but the site that replaces it does not; set "
                'nginx_tls = {"certificate": …, "key": …} with copies of its files',
            )


def _servers(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each server's names, and whether the server belongs to OMERO.web.

    It does if its text proxies to OMERO.web, or if it has a name of such a server (a redirect to
    https).
    """
    blocks = [*_blocks(re.sub(r"#.*", "", text))]
    names = [" ".join(re.findall(r"\bserver_name\s+([^;]*);", block)) or "_" for block in blocks]
    omero = [bool(re.search(_OMERO, block)) for block in blocks]
    shared = {word for name, yes in zip(names, omero, strict=True) if yes for word in name.split()}
    for name, yes in zip(names, omero, strict=True):
        yield name, yes or bool(shared & {*name.split()})


def _blocks(text: str) -> Iterator[str]:
    """Yield the text inside each `server { … }`."""
    for begun in re.finditer(r"\bserver\s*\{", text):
        depth = 1
        for position in range(begun.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            if not depth:
                yield text[begun.end() : position]
                break
