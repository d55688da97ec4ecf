"""Whether the site can live together with other sites of the same NGINX."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from roles.host_paths import NGINX_SITE
from roles.nginx import site_config
from roles.preflight import host_checks, nginx_checks
from roles.survey.existing_installation import ExistingInstallation
from roles.survey.existing_nginx import ExistingNginx, Listen, Server
from roles.target import Target
from tests.unit.helpers import SURVEY, a_host, only_member, site_of
from tests.unit.nginx_reader import parse

NAMED: dict[str, Any] = {"nginx_server_name": "omero.example.org"}
SECURE: dict[str, Any] = {**NAMED, "nginx_tls": "self-signed"}
EXTRA = "omero.web.nginx_server_extra_config"
FILE = "/etc/nginx/sites-enabled/default"
OWN = Server(NGINX_SITE, "http", (Listen("*", 80, 80, frozenset({"default_server"})),), ("_",))


def server(listen: str, *names: str, file: str = FILE, kind: str = "http") -> Server:
    found = Listen.read(listen.split())
    return Server(file, kind, (found,) if found else (), names)


def target(*servers: Server, **data: Any) -> Target:
    nginx = ExistingNginx(version=(1, 22, 1), servers=servers)
    site = site_of(a_host(**data))
    return Target(site, only_member(site), replace(SURVEY, nginx=nginx))


def errors(found: Target) -> list[str]:
    return [str(each) for each in host_checks.errors(found)]


def warnings(found: Target) -> list[str]:
    return [str(each) for each in host_checks.warnings(found)]


def listens(found: Target) -> list[str]:
    configuration = parse(site_config.content(found))
    return [value for each in configuration.all("server") for value in each.values("listen")]


@pytest.mark.parametrize(
    ("listen", "names", "data", "reason"),
    [
        ("80 default_server", ("wiki.example.org",), {}, "is the default server of port 80"),
        ("[::]:80 default_server", ("_",), {}, "is the default server of port 80"),
        ("80", ("localhost",), {}, "answers http://localhost/ on port 80"),
        ("80", ("~^local",), {}, "answers http://localhost/ on port 80"),
        ("80", (), {}, "without a server_name"),
        ("80", ("_",), NAMED, "without a server_name"),
        ("80", ("OMERO.example.org",), NAMED, "has the name omero.example.org on port 80"),
        ("127.0.0.1:80", ("status",), NAMED, "takes all requests of this host to 127.0.0.1:80"),
        ("443", ("wiki",), SECURE, "port 443 has no TLS there"),
        ("80 ssl", ("wiki",), NAMED, "port 80 has TLS there"),
        ("[::]:80 ipv6only=off", ("wiki",), NAMED, "has ipv6only=off"),
        ("443 ssl proxy_protocol", ("wiki",), SECURE, "has proxy_protocol"),
        ("70-90 default_server", ("wiki",), {}, "is the default server of port 80"),
    ],
)
def test_what_cannot_live_together_is_refused_with_the_file(
    listen: str, names: tuple[str, ...], data: dict[str, Any], reason: str
) -> None:
    (found,) = errors(target(server(listen, *names), **data))
    assert found.startswith(f"{FILE}: ")
    assert reason in found
    assert "remove" in found or "set another port" in found


def test_a_stream_that_has_the_port_is_refused() -> None:
    (found,) = errors(target(server("443", kind="stream"), **SECURE))
    assert "stream" in found and "nginx_https_port" in found


def test_every_reason_is_reported_once() -> None:
    servers = (server("80 default_server", "a"), server("80", "omero.example.org", file="/b"))
    found = errors(target(*servers, **NAMED))
    assert len(found) == 1  # a default server is no reason if OMERO.web has a name
    found = errors(target(*servers, server("[::]:80 default_server", "a")))
    assert len(found) == 1
    found = errors(target(servers[0], server("80", "localhost", file="/b")))
    assert [each.split(":")[0] for each in found] == [FILE, "/b"]


@pytest.mark.parametrize(
    ("listen", "names", "data"),
    [
        ("80 default_server", ("wiki.example.org",), NAMED),
        ("80", ("wiki.example.org",), NAMED),
        ("80", ("wiki.example.org",), {}),
        ("8080 default_server", (), {}),
        ("unix:/run/x.sock", (), {}),
        ("443 quic", ("omero.example.org",), SECURE),
        ("443 ssl http2", ("wiki.example.org",), SECURE),
        ("443", ("wiki.example.org",), NAMED),
        ("*:80", ("localhost",), NAMED),
    ],
)
def test_what_can_live_together_is_accepted(
    listen: str, names: tuple[str, ...], data: dict[str, Any]
) -> None:
    assert errors(target(server(listen, *names), **data)) == []


def test_the_default_server_of_somebody_else_stays_the_only_one() -> None:
    ipv4 = server("80 default_server", "wiki")
    assert listens(target(ipv4, **NAMED)) == ["80", "[::]:80 default_server"]
    assert listens(target(ipv4, server("[::]:80 default", "x"), **NAMED)) == ["80", "[::]:80"]
    secure = server("443 ssl default_server", "wiki")
    assert listens(target(secure, **SECURE)) == [
        "80 default_server",
        "[::]:80 default_server",
        "443 ssl http2",
        "[::]:443 ssl http2 default_server",
    ]
    own = replace(secure, file=NGINX_SITE)
    assert "443 ssl http2 default_server" in listens(target(own, **SECURE))


def test_who_gets_requests_for_other_names_is_said_before_the_first_deploy() -> None:
    wiki = server("80", "wiki.example.org")
    (found,) = warnings(target(wiki, **NAMED))
    assert found.startswith(f"{FILE}: ")
    assert "add default_server" in found
    assert warnings(target(wiki, OWN, **NAMED)) == []
    assert warnings(target(wiki, server("80 default_server", "x"), **NAMED)) == []


def test_an_address_that_another_site_has_for_itself_is_said() -> None:
    (found,) = warnings(target(server("10.0.0.5:80", "wiki"), OWN, **NAMED))
    assert "10.0.0.5:80" in found


def test_a_site_without_a_name_beside_a_deployed_one_is_no_news() -> None:
    """Its requests are OMERO.web's since the first deploy, which an older bundle may have made."""
    assert errors(target(server("80"), OWN)) == []


def test_the_site_of_an_existing_omero_web_is_replaced() -> None:
    found = target(server("80 default_server", "_"))
    survey = replace(found.survey, existing=ExistingInstallation(sites={FILE: ""}))
    found = replace(found, survey=survey)
    assert errors(found) == []
    assert "80 default_server" in listens(found)


def test_what_nginx_itself_lacks_is_reported_at_once() -> None:
    found = target(**NAMED)
    nginx = replace(
        found.survey.nginx, errors=("unknown directive",), missing=("x",), includes_site=False
    )
    found = replace(found, survey=replace(found.survey, nginx=nginx))
    subjects = [each.subject for each in host_checks.errors(found)]
    assert subjects == ["nginx -t", "nginx", "/etc/nginx/nginx.conf"]


def test_nginx_would_not_start_with_a_name_that_cannot_be_resolved() -> None:
    data = {"nginx_omero_ws": "wss://omero.example.org"}
    (found,) = errors(target(**data))
    assert found.startswith("nginx_omero_ws: omero.example.org cannot be resolved")
    known = target(**data)
    survey = replace(known.survey, addresses={"omero.example.org": ("10.0.0.5",)})
    assert errors(replace(known, survey=survey)) == []
    assert errors(target(nginx_omero_ws="ws://[fd00::5]:4065")) == []
    assert nginx_checks.names(only_member(site_of(a_host(**data)))) == ("omero.example.org",)


INLINE = ["listen 443 ssl;", "ssl_certificate /x;"]
INCLUDE = ["include conf.d-nested-includes/*.conf;"]


@pytest.mark.parametrize("lines", [INLINE, INCLUDE])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "would not know of https"),
        ({"nginx_tls": "self-signed"}, "remove the line"),
        ({"nginx_behind_proxy": ["10.0.0.5"]}, None),
        (
            {
                "web_config": {
                    "omero.web.secure_proxy_ssl_header": ["HTTP_X_FORWARDED_PROTO", "https"]
                }
            },
            None,
        ),
    ],
)
def test_tls_in_the_site_s_own_lines_is_refused_if_omero_web_would_not_know(
    lines: list[str], data: dict[str, Any], reason: str | None
) -> None:
    config = {**data.get("web_config", {}), EXTRA: lines}
    found = target(**{**data, "web_config": config})
    if lines is INCLUDE:
        extra = {"conf.d-nested-includes/a.conf": (Listen("*", 443, 443, frozenset({"ssl"})),)}
        nginx = replace(found.survey.nginx, extra=extra)
        found = replace(found, survey=replace(found.survey, nginx=nginx))
    said = errors(found)
    assert len(said) == (reason is not None)
    if reason:
        assert said[0].startswith(EXTRA) and reason in said[0]
        assert ("conf.d-nested-includes/a.conf" in said[0]) == (lines is INCLUDE)
