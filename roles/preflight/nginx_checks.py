"""Find out whether the site can live together with what a host's NGINX has already. Pure.

https://nginx.org/en/docs/http/request_processing.html: NGINX chooses a server by the address and
port of the request, then by its name; the default server gets all other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from omeroweb_ops.property_names import NGINX_SERVER_EXTRA_CONFIG, SECURE_PROXY_SSL_HEADER
from omeroweb_ops.shared import server_names
from omeroweb_ops.shared.finding import Finding

from ..host_paths import NGINX_SITE
from ..inventory.member import Member
from ..inventory.nginx_lines import statements
from ..survey.existing_nginx import Listen, Server
from ..target import Target, urls

_LOOPBACK = re.compile(r"127\.\S+|localhost|\[::1\]")
_Port = tuple[int, str, bool]  # number, its setting, whether it has TLS


def errors(target: Target) -> Iterator[Finding]:
    """Yield every reason why NGINX cannot serve the site beside its other sites."""
    nginx = target.survey.nginx
    for message in nginx.errors:
        yield Finding(
            "nginx -t",
            f"fails on this host, also without OMERO.web's site: {message}; repair the "
            "configuration until `nginx -t` succeeds",
        )
    for module in nginx.missing:
        yield Finding(
            "nginx",
            f"was built without {module}, which the site needs; install the package nginx of "
            "the distribution or of nginx.org",
        )
    if not nginx.includes_site:
        yield Finding(
            "/etc/nginx/nginx.conf",
            f"does not include {NGINX_SITE}; add `include /etc/nginx/conf.d/*.conf;` to its "
            "block `http`",
        )
    for name in names(target.member):
        if name not in target.survey.addresses:
            yield Finding(
                "nginx_omero_ws",
                f"{name} cannot be resolved on this host, and NGINX does not start with an unknown "
                "name; set an IP address, or add the name to DNS or /etc/hosts",
            )
    found = [*_of_own_lines(target)]
    for port in _ports(target):
        found += _of_port(target, port)
    yield from dict.fromkeys(found)


def names(member: Member) -> tuple[str, ...]:
    """Return the host names that NGINX looks up when it starts, besides those of web hosts."""
    url = member.settings.nginx_omero_ws if "nginx" in member.groups else None
    host = urlsplit(url).hostname if url else None
    return (host,) if host and ":" not in host else ()


def warnings(target: Target) -> Iterator[Finding]:
    """Yield what visitors of other sites, or of other addresses, may miss."""
    found: list[Finding] = []
    for number, _setting, _tls in _ports(target):
        listens = [*_listens(target, number)]
        for server, listen in listens:
            if not listen.is_wildcard and not _LOOPBACK.fullmatch(listen.address):
                found.append(
                    Finding(
                        server.file,
                        f"takes all requests to {listen.address}:{number}, so OMERO.web cannot be "
                        f"reached at this address; write `listen {number}` if OMERO.web should be",
                    )
                )
        named = [server for server, listen in listens if listen.is_wildcard and _names(server)]
        if named and not _is_deployed(target) and not _defaults(target, number):
            found.append(
                Finding(
                    named[0].file,
                    f"requests to port {number} for a name of no site will reach OMERO.web's site "
                    "instead of this or another file's; add default_server to the `listen` of "
                    "the site that should get them",
                )
            )
    yield from dict.fromkeys(found)


def _ports(target: Target) -> Iterator[_Port]:
    settings = target.settings
    yield settings.nginx_http_port, "nginx_http_port", False
    if settings.nginx_tls != "off":
        yield settings.nginx_https_port, "nginx_https_port", True


def _listens(target: Target, port: int) -> Iterator[tuple[Server, Listen]]:
    """Yield the other servers that have a port, each with its `listen`."""
    for server in target.survey.nginx.others(target.survey.existing.sites):
        for listen in server.listens:
            if listen.has(port):
                yield server, listen


def _of_port(target: Target, port: _Port) -> Iterator[Finding]:
    number, setting, tls = port
    is_open = server_names.is_open(target.member.server_names)
    listens = [*_listens(target, number)]
    secure = {listen.address for _server, listen in listens if "ssl" in listen.options}
    for server, listen in listens:
        shown = f"{listen.address}:{number}"
        if server.kind == "stream":
            yield Finding(
                server.file, f"has {shown} in a block `stream`; set another port in {setting}"
            )
        elif not listen.is_wildcard:
            if _LOOPBACK.fullmatch(listen.address):
                yield Finding(
                    server.file,
                    f"takes all requests of this host to {shown}, also those that check "
                    f"OMERO.web; use another port there, or set another port in {setting}",
                )
        elif (listen.address in secure) != tls:
            has = "has TLS" if not tls else "has no TLS"
            yield Finding(
                server.file,
                f"port {number} {has} there, unlike in OMERO.web's site; set another port in "
                f"{setting}, or set nginx_tls",
            )
        elif {"proxy_protocol", "ipv6only=off"} & listen.options:
            option = "".join({"proxy_protocol", "ipv6only=off"} & listen.options)
            yield Finding(
                server.file,
                f"`listen` of port {number} has {option}, which changes the port for "
                f"OMERO.web's site, too; remove the option, or set another port in {setting}",
            )
        else:
            yield from _of_names(target, server, listen, number, is_open=is_open)


def _of_names(
    target: Target, server: Server, listen: Listen, port: int, *, is_open: bool
) -> Iterator[Finding]:
    wanted = [] if is_open else [each.lower() for each in target.member.server_names]
    taken = sorted({*wanted} & {name.lower() for name in server.names})
    if taken:
        yield Finding(
            server.file,
            f"has the name {', '.join(taken)} on port {port}, which nginx_server_name has, too; "
            "remove it from one of them",
        )
    elif is_open and listen.is_default:
        yield Finding(
            server.file,
            f"is the default server of port {port}, and so is OMERO.web without a name; set "
            "nginx_server_name to OMERO.web's names, or remove the file if nobody needs its site",
        )
    elif is_open and _matches(server, urls.host_name(target)):
        yield Finding(
            server.file,
            f"answers http://{urls.host_name(target)}/ on port {port}, where OMERO.web would be; "
            "set nginx_server_name to OMERO.web's names, or remove the file if nobody needs "
            "its site",
        )
    elif not (listen.is_default or _names(server) or _is_deployed(target)) and (
        listen.address not in _defaults(target, port)
    ):
        yield Finding(
            server.file,
            f"serves port {port} without a server_name, so OMERO.web's site would get its "
            "requests; set nginx_server_name to OMERO.web's names and add default_server to the "
            "`listen` of this file, or remove the file if nobody needs its site",
        )


def _of_own_lines(target: Target) -> Iterator[Finding]:
    """Yield `listen … ssl` lines that the site itself brings: OMERO.web would not know of https."""
    lines = target.application.extra_config
    inline = [Listen.read(words[1:]) for words in statements(lines) if words[0] == "listen"]
    places = {
        NGINX_SERVER_EXTRA_CONFIG: [each for each in inline if each],
        **target.survey.nginx.extra,
    }
    for place, listens in places.items():
        secure = [each for each in listens if "ssl" in each.options]
        if not secure:
            continue
        subject = NGINX_SERVER_EXTRA_CONFIG
        has = f"{'' if place == subject else f'includes {place}, which '}has `listen … ssl`"
        if target.settings.nginx_tls != "off":
            if any(each.has(target.settings.nginx_https_port) for each in secure):
                yield Finding(subject, f"{has}, as nginx_tls; remove the line")
        elif not target.site.value(target.web, SECURE_PROXY_SSL_HEADER):
            yield Finding(
                subject,
                f"{has}, but OMERO.web would not know of https, and would refuse each login; set "
                'nginx_tls = {"certificate": …, "key": …} and remove the lines of TLS, or set '
                f"{SECURE_PROXY_SSL_HEADER} and omero.web.csrf_trusted_origins yourself",
            )


def _names(server: Server) -> list[str]:
    return [name for name in server.names if name not in ("", "_")]


def _matches(server: Server, name: str) -> bool:
    """Return whether a server has a name, as NGINX compares them."""
    for each in server.names:
        if each.startswith("~"):
            try:
                matches = re.search(each[1:], name, re.IGNORECASE)
            except re.error:  # valid for PCRE only
                continue
        else:
            matches = re.fullmatch(server_names.pattern([each]), name, re.IGNORECASE)
        if matches:
            return True
    return False


def _defaults(target: Target, port: int) -> set[str]:
    return {*target.survey.nginx.default_server(port, target.survey.existing.sites)}


def _is_deployed(target: Target) -> bool:
    """Return whether the bundle's site is active already, so that a deploy takes nothing away."""
    files = {server.file for server in target.survey.nginx.servers or ()}
    return NGINX_SITE in files - {*target.survey.existing.sites}
