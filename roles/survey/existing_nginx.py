"""Read from the survey how the host's NGINX is set up, and whose sites it has. Pure: no I/O.

`nginx -T` prints the whole configuration with every included file, so that a site is found wherever
somebody has written it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ..host_paths import NGINX_DEFAULTS, NGINX_SITE
from ..operations import shell_file
from ..operations.privilege import printable

_DIRECTORY = PurePosixPath("/etc/nginx")
DEBIAN_USER = "www-data"
# The site of nginx.org's package, without comments and white space
_WELCOME = (
    "server{listen80;server_namelocalhost;location/{root/usr/share/nginx/html;"
    "indexindex.htmlindex.htm;}error_page500502503504/50x.html;"
    "location=/50x.html{root/usr/share/nginx/html;}}"
)
_MODULES = ("http_ssl", "http_v2", "http_realip", "http_auth_request", "http_gzip_static")
SCRIPT = shell_file.command(  # part of the survey, after that of existing_installation
    shell_file.read(__file__, "existing_nginx.sh"),
    welcome=_WELCOME,
    modules=" ".join(f"{name}_module" for name in _MODULES),
)
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PORTS = re.compile(r"(?:(?P<address>\[[^]]+\]|[^:]+):)?(?P<first>\d+)(?:-(?P<last>\d+))?")


@dataclass(frozen=True)
class Listen:
    """One `listen`. address: "*" and "[::]" are all addresses. last: the last port of a range."""

    address: str
    first: int
    last: int
    options: frozenset[str]

    @classmethod
    def read(cls, words: Sequence[str]) -> Listen | None:
        """Parse the words after `listen`; None for a Unix socket."""
        target, *options = words
        if target.startswith("unix:"):
            return None
        found = _PORTS.fullmatch(target)
        address = (found["address"] or "*") if found else target
        first = int(found["first"]) if found else 80
        last = int(found["last"] or first) if found else 80
        return cls("*" if address == "0.0.0.0" else address, first, last, frozenset(options))

    @property
    def is_wildcard(self) -> bool:
        """Whether it takes requests to every address of its family."""
        return self.address in ("*", "[::]")

    @property
    def is_default(self) -> bool:
        """Whether the server gets the requests for names that no server has."""
        return bool({"default_server", "default"} & self.options)

    @property
    def is_tcp(self) -> bool:
        """Whether it can conflict with a TCP port."""
        return not {"quic", "udp"} & self.options

    def has(self, port: int) -> bool:
        """Return whether it takes requests to a TCP port."""
        return self.is_tcp and self.first <= port <= self.last


@dataclass(frozen=True)
class Server:
    """One `server`, with what it includes. file: where the block begins. kind: http or stream."""

    file: str
    kind: str
    listens: tuple[Listen, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class ExistingNginx:
    """The NGINX of a host as it is before a deploy.

    version: None if NGINX is not installed. user, group: of the workers. missing: modules that the
    site needs. errors: of the configuration without OMERO.web's sites. servers: None if the
    configuration could not be read. packaged, changed: welcome pages of the package, as they came
    or changed by somebody. extra: what files have that the site's own lines include, by file.
    """

    version: tuple[int, ...] | None = None
    user: str = DEBIAN_USER
    group: str = DEBIAN_USER
    missing: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    servers: tuple[Server, ...] | None = None
    includes_site: bool = True
    packaged: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    extra: Mapping[str, tuple[Listen, ...]] = field(default_factory=dict)

    @property
    def defaults(self) -> tuple[str, ...]:
        """The welcome pages that the bundle removes, also those of a package that will come."""
        return tuple(path for path in NGINX_DEFAULTS if path not in self.changed)

    @property
    def secure_files(self) -> frozenset[str]:
        """The files whose servers have TLS, also by a file that they include."""
        return frozenset(
            server.file
            for server in self.servers or ()
            if any("ssl" in listen.options for listen in server.listens)
        )

    def others(self, replaced: Iterable[str]) -> tuple[Server, ...]:
        """Return the servers that stay beside the bundle's site. replaced: files that do not."""
        gone = {NGINX_SITE, *self.packaged, *replaced}
        return tuple(each for each in self.servers or () if each.file not in gone)

    def default_server(self, port: int, replaced: Iterable[str]) -> Mapping[str, Server]:
        """Return the others that are the default server of a port, by address: "*" and "[::]"."""
        return {
            listen.address: server
            for server in self.others(replaced)
            if server.kind == "http"
            for listen in server.listens
            if listen.has(port) and listen.is_default and listen.is_wildcard
        }


NO_NGINX = ExistingNginx()
_Statement = tuple[str, ...]


def read(output: Iterable[str]) -> ExistingNginx:
    """Parse the survey's lines."""
    values: dict[str, list[str]] = {}
    for line in output:
        key, _, value = line.partition("=")
        if key == "nginx" or key.startswith("nginx_"):
            values.setdefault(key, []).append(value)
    defaults = [each.partition(" ") for each in values.get("nginx_default", ())]
    found = {
        kind: tuple(path for each, _, path in defaults if each == kind and path in NGINX_DEFAULTS)
        for kind in ("package", "own")
    }
    if "nginx_version" not in values:
        return ExistingNginx(packaged=found["package"], changed=found["own"])
    configuration = _Configuration(_files(values.get("nginx", ())))
    user, group = _user(configuration.user or values["nginx_user"][:1])
    return ExistingNginx(
        version=tuple(int(part) for part in re.findall(r"\d+", values["nginx_version"][0])),
        user=user,
        group=group,
        missing=tuple(map(printable, values.get("nginx_missing", ()))),
        errors=tuple(map(printable, values.get("nginx_error", ()))),
        servers=tuple(configuration.servers) if "nginx" in values else None,
        includes_site="nginx" not in values or configuration.includes_site,
        packaged=found["package"],
        changed=found["own"],
        extra={
            name.removeprefix("/extra/"): tuple(_listens(statements))
            for name, statements in _files(values.get("nginx_extra", ())).items()
        },
    )


def _user(words: Sequence[str]) -> tuple[str, str]:
    """Return NGINX's user and group. https://nginx.org/en/docs/ngx_core_module.html#user"""
    names = [word for word in words if _NAME.fullmatch(word)]
    if not names:
        return "nobody", "nogroup"  # without a `user`, and no other user was built in
    return names[0], names[-1]


def _files(lines: Iterable[str]) -> dict[str, list[_Statement]]:
    files: dict[str, list[_Statement]] = {}
    current: list[_Statement] = []
    for line in lines:
        words = tuple(line.split())
        if words[:1] == ("file",):
            current = files.setdefault(line.partition(" ")[2], [])
        elif words:
            current.append(words)
    return files


def _listens(statements: Iterable[_Statement]) -> Iterator[Listen]:
    """Yield the `listen` lines outside blocks, as a server that includes the file has them."""
    depth = 0
    for words in statements:
        depth += {"{": 1, "}": -1}.get(words[-1], 0)
        if words[0] == "listen" and words[1:] and not depth:
            listen = Listen.read(words[1:])
            if listen:
                yield listen


class _Configuration:
    """The servers and the user of a whole configuration, whose first file is the main one."""

    def __init__(self, files: Mapping[str, Sequence[_Statement]]) -> None:
        self._files = files
        self.user: list[str] = []
        self.servers: list[Server] = []
        self.includes_site = False
        for main in [*files][:1]:
            self._read(main, (), None, {main})

    def _read(
        self, file: str, blocks: tuple[str, ...], server: _Draft | None, seen: set[str]
    ) -> None:
        for words in self._files[file]:
            if words[-1] == "{":
                blocks = (*blocks, words[0])
                if words[0] == "server" and blocks[:-1] in (("http",), ("stream",)):
                    server = _Draft(file, blocks[0])
            elif words == ("}",):
                if server and blocks == (server.kind, "server"):
                    self.servers.append(server.finished())
                    server = None
                blocks = blocks[:-1]
            elif words[0] == "include" and words[1:]:
                pattern = str(_DIRECTORY / words[1])
                self.includes_site |= blocks == ("http",) and _matches(NGINX_SITE, pattern)
                for each in self._files:
                    if each not in seen and _matches(each, pattern):
                        self._read(each, blocks, server, {*seen, each})
            elif words[0] == "user" and not blocks:
                self.user = [*words[1:]]
            elif server and words[0] == "server_name":
                server.names += words[1:]
            elif server and words[0] == "listen" and words[1:]:
                server.listens += filter(None, [Listen.read(words[1:])])


class _Draft:
    """A server whose block has not ended yet."""

    def __init__(self, file: str, kind: str) -> None:
        self.file, self.kind = file, kind
        self.listens: list[Listen] = []
        self.names: list[str] = []

    def finished(self) -> Server:
        listens = self.listens or [Listen("*", 80, 80, frozenset())]  # NGINX's default
        return Server(self.file, self.kind, tuple(listens), tuple(self.names))


def _matches(path: str, pattern: str) -> bool:
    """Return whether glob(7) finds a path: a wildcard does not match a slash."""
    parts, patterns = PurePosixPath(path).parts, PurePosixPath(pattern).parts
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
