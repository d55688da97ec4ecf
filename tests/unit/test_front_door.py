"""What NGINX believes, limits, compresses and says about itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roles.nginx import rendering, site_file, visitors
from tests.unit.helpers import SURVEY, a_host, only_member, properties_of, site_of
from tests.unit.nginx_reader import Directive, location, mapped
from tests.unit.test_nginx_site import config_of, served

BEHIND: dict[str, Any] = {
    "nginx_behind_proxy": ["10.0.0.0/8"],
    "nginx_server_name": "omero.example",
}
EXTRA = "omero.web.nginx_server_extra_config"


def headers(directive: Directive) -> dict[str, str]:
    return dict(value.split(" ", 1) for value in directive.values("add_header"))


@pytest.mark.parametrize("tls", ["off", "self-signed"])
def test_a_location_with_headers_of_its_own_has_those_of_the_server_too(tls: str) -> None:
    """NGINX inherits add_header only where a level has none."""
    server = served(config_of(nginx_tls=tls))
    common = {name for name in headers(server) if name != "Cache-Control"}
    assert {"X-Content-Type-Options", "Referrer-Policy", "X-Request-ID"} <= common
    assert ("Strict-Transport-Security" in common) == (tls != "off")
    pages = [each for each in server.all("location") if headers(each)]
    assert len(pages) >= 4
    for each in pages:
        static = each.words[-1].endswith("/static/")  # small files, that no page frames or calls
        needed = common - {"Referrer-Policy", "Permissions-Policy", "X-Request-ID"}
        assert (needed if static else common) <= set(headers(each)), each.words


def test_hsts_can_be_left_out() -> None:
    server = served(config_of(nginx_tls="self-signed", nginx_hsts=False))
    assert "Strict-Transport-Security" not in headers(server)


@pytest.mark.parametrize("prefix", ["", "/omero"])
@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        ("/static/webgateway/css/ome.body.css?_5.33.2", "public, max-age=31536000, immutable"),
        ("/static/webgateway/css/ome.body.css", "public, max-age=3600"),
        ("/static/webgateway/css/ome.body.css?", "public, max-age=3600"),
        ("/webclient/?x=/static/a.css?_1", ""),
        ("/webclient/", ""),
    ],
)
def test_a_versioned_name_is_kept_for_good_and_others_for_an_hour(
    prefix: str, uri: str, kept: str
) -> None:
    config = config_of(web_config={"omero.web.prefix": prefix})
    assert mapped(config, "$omero_web_cache", {"$request_uri": prefix + uri}) == kept
    assert headers(served(config))["Cache-Control"] == "$omero_web_cache"


@pytest.mark.parametrize("prefix", ["", "/omero"])
@pytest.mark.parametrize(
    ("request_line", "arguments", "counted"),
    [
        ("POST /webclient/login/", "", True),
        ("POST /webadmin/login/", "", True),
        ("POST /api/v0/login/", "", True),
        ("GET /webclient/login/", "", False),
        ("POST /webclient/action/", "", False),
        ("GET /webclient/", "username=ada&password=x", True),
        ("GET /webclient/", "passw%6Frd=x", True),
        ("GET /webclient/", "show=password", False),
        ("POST /x/webclient/login/", "", False),
    ],
)
def test_what_counts_as_a_login(
    prefix: str, request_line: str, arguments: str, counted: bool
) -> None:
    config = config_of(web_config={"omero.web.prefix": prefix})
    request = {
        "$request_method $uri": request_line.replace(" ", f" {prefix}"),
        "$args": arguments,
        "$remote_addr": "192.0.2.7",
    }
    key = mapped(config, "$omero_web_login", request)
    assert (key != "") == counted


def test_an_ipv6_visitor_is_a_network_of_64_bits() -> None:
    config = config_of()
    for address, key in (("2001:db8:1:2:3:4:5:6", "$omero_web_network"), ("::1", "$remote_addr")):
        assert mapped(config, "$omero_web_visitor", {"$remote_addr": address}) == key


def test_logins_are_limited_with_429_where_they_reach_omero_web() -> None:
    config = config_of()
    (zone,) = config.values("limit_req_zone")
    assert zone == f"$omero_web_login zone=omero_web_login:10m rate={visitors.LOGIN_RATE}"
    application = location(served(config), "/webclient/login/")
    assert application is not None
    assert application.value("limit_req").endswith("nodelay")
    assert visitors.LOGIN_BURST >= 50
    assert served(config).value("limit_req_status") == "429"


@pytest.mark.parametrize(
    ("uri", "logged"),
    [
        ("/webclient/?show=image-1", "/webclient/?show=image-1"),
        ("/webclient/?username=a&password=b", "$omero_web_path?(left out)"),
        ("/webclient/?username=a&passw%6frd=b", "$omero_web_path?(left out)"),
        ("/webclient/?bsession=1f2e", "$omero_web_path?(left out)"),
    ],
)
def test_no_password_and_no_session_key_is_logged(uri: str, logged: str) -> None:
    config = config_of()
    found = mapped(config, "$omero_web_logged", {"$request_uri": uri})
    assert found.replace("$request_uri", uri) == logged
    found = mapped(config, "$omero_web_logged_referer", {"$http_referer": uri})
    assert "password=" not in found and "bsession=" not in found


def test_without_a_proxy_in_front_nobody_is_believed() -> None:
    config = config_of()
    assert config.all("geo")[0].values("default") == ["0"]
    assert len(config.all("geo")[0].block) == 1
    assert served(config).values("set_real_ip_from") == []
    assert mapped(config, "$omero_web_scheme", {}) == "$scheme"


def test_a_proxy_in_front_is_believed_and_visitors_come_by_https() -> None:
    config = config_of(**BEHIND)
    assert served(config).values("set_real_ip_from") == ["10.0.0.0/8"]
    assert served(config).value("real_ip_header") == "X-Forwarded-For"
    assert config.all("geo")[0].values("10.0.0.0/8") == ["1"]
    for trusted, scheme in (("1", "https"), ("0", "$scheme")):
        asked = {"$omero_web_trusted": trusted}
        assert mapped(config, "$omero_web_scheme", asked) == scheme
    for given, host in (
        ("1:omero.example", "$omero_web_forwarded"),
        ("1:omero.example, evil", "$http_host"),
        ("0:omero.example", "$http_host"),
        ("1:", "$http_host"),
    ):
        asked = {"$omero_web_trusted:$http_x_forwarded_host": given}
        assert mapped(config, "$omero_web_host", asked) == host
    for given, identity in (
        ("1:0123456789abcdef", "$omero_web_given"),
        ("0:0123456789abcdef", "$request_id"),
        ("1:with space and more", "$request_id"),
    ):
        asked = {"$omero_web_trusted:$http_x_request_id": given}
        assert mapped(config, "$omero_web_request_id", asked) == identity
    assert "Strict-Transport-Security" in headers(served(config))


def test_a_proxy_in_front_without_tls_changes_no_scheme() -> None:
    behind = {"addresses": ["10.0.0.5"], "tls": False}
    config = config_of(nginx_behind_proxy=behind)
    assert mapped(config, "$omero_web_scheme", {"$omero_web_trusted": "1"}) == "$scheme"
    assert "Strict-Transport-Security" not in headers(served(config))


TLS = {
    "omero.web.session_cookie_secure": "true",
    "omero.web.csrf_cookie_secure": "true",
    "omero.web.secure_proxy_ssl_header": '["HTTP_X_FORWARDED_PROTO", "https"]',
}


@pytest.mark.parametrize(
    ("data", "origins"),
    [
        (BEHIND, '["https://omero.example"]'),
        ({"nginx_tls": "self-signed", "nginx_server_name": "a.example *.b.example _"},
         '["https://a.example", "https://*.b.example"]'),
        ({"nginx_tls": "self-signed", "nginx_server_name": "a.example", "nginx_https_port": 8443},
         '["https://a.example:8443"]'),
    ],
)  # fmt: skip
def test_with_tls_omero_web_follows(data: dict[str, Any], origins: str) -> None:
    texts = properties_of(site_of(a_host(**data)))
    assert TLS.items() <= texts.items()
    assert texts["omero.web.csrf_trusted_origins"] == origins


def test_origins_of_the_site_are_beside_those_of_the_inventory() -> None:
    name = "omero.web.csrf_trusted_origins"
    other = "https://viewer.example"
    appended = properties_of(site_of(a_host(**BEHIND, web_config_append={name: [other]})))
    assert appended[name] == f'["https://omero.example", "{other}"]'
    own = properties_of(site_of(a_host(**BEHIND, web_config={name: [other]})))
    assert own[name] == f'["{other}"]'


def test_a_prefix_is_where_cookies_are_sent() -> None:
    texts = properties_of(site_of(a_host(web_config={"omero.web.prefix": "/omero/"})))
    assert texts["omero.web.session_cookie_path"] == "/omero"
    assert '["CSRF_COOKIE_PATH", "/omero"]' in texts["omero.web.django_additional_settings"]


@pytest.mark.parametrize("prefix", ["", "/omero"])
def test_ops_is_for_the_allowed_addresses(prefix: str) -> None:
    web = {"omero.web.prefix": prefix}
    own = config_of(web_config=web, nginx_metrics_allow=["10.0.0.7"])
    for config, allowed in (
        (config_of(web_config=web), ["127.0.0.1/32", "::1/128"]),
        (own, ["10.0.0.7/32"]),
    ):
        found = location(served(config), f"{prefix}/ops/metrics")
        assert found is not None
        assert found.values("allow") == allowed
        assert found.value("deny") == "all"


def test_a_directive_of_the_site_takes_the_place_of_the_bundle_s() -> None:
    """NGINX refuses most directives given twice."""
    lines = [
        "client_max_body_size 1m;",
        "location /own/ { gzip_vary off; }",
        "ssl_protocols TLSv1.3;",
    ]
    server = served(config_of(nginx_tls="self-signed", web_config={EXTRA: lines}))
    assert server.value("client_max_body_size") == "1m"
    assert server.value("ssl_protocols") == "TLSv1.3"
    assert server.value("gzip_vary") == "on"
    assert served(config_of()).value("client_max_body_size") == "4g"


def test_the_directives_of_lines_are_those_outside_of_blocks() -> None:
    lines = ["a 1; b 2;", "# c 3;", "location /x/ {", "d 4;", "}", "e", "5;"]
    assert rendering.directives(lines) == {"a", "b", "location", "e"}


def test_answers_are_not_compressed_where_cookies_go_to_foreign_sites() -> None:
    assert served(config_of()).value("gzip") == "on"
    web = {"omero.web.session_cookie_samesite": "None"}
    server = served(config_of(nginx_tls="self-signed", web_config=web))
    assert server.value("gzip") == "off"
    static = location(server, "/static/x.css")
    assert static is not None
    assert static.value("gzip_static") == "on"


@pytest.mark.parametrize(
    ("system", "version", "own"),
    [("debian", "12", False), ("debian", "13", True), ("ubuntu", "24.04", False)],
)
def test_http_2_is_asked_for_as_the_version_wants_it(system: str, version: str, own: bool) -> None:
    survey = replace(SURVEY, id=system, version=version)
    server = served(config_of(survey, nginx_tls="self-signed"))
    assert (server.values("http2") == ["on"]) == own
    assert ("http2" in server.values("listen")[0]) != own


def test_a_challenge_of_acme_is_answered_by_plain_http_with_tls_and_without() -> None:
    for tls in ("off", "self-signed"):
        server = config_of(nginx_tls=tls).all("server")[0]
        found = location(server, "/.well-known/acme-challenge/token")
        assert found is not None
        assert found.value("root") == visitors.ACME


def test_no_time_out_of_gunicorn_is_a_day_for_nginx() -> None:
    found = location(served(config_of(web_config={"omero.web.wsgi_timeout": 0})), "/")
    assert found is not None
    assert found.value("proxy_read_timeout") == "86410s"


def test_too_many_logins_are_told_to_people_and_to_programs() -> None:
    site = site_of(a_host(web_config={"omero.web.prefix": "/omero"}))
    page, program = visitors.pages(site)
    assert 'href="/omero/webclient/login/"' in page.content
    assert '"error": "too_many_logins"' in program.content
    assert "\n" not in program.content.strip()
    config = site_file.content(site, only_member(site), SURVEY)
    assert all(Path(each.path).name.split(".")[0] in config for each in (page, program))
