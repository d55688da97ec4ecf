"""What NGINX believes, limits, compresses and says about itself."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roles import host_paths
from roles.inventory import nginx_lines
from roles.nginx import request_policy, site_config
from roles.target import Target
from tests.unit.helpers import SURVEY, a_host, only_member, properties_of, site_of
from tests.unit.nginx.test_site_config import config_of, served
from tests.unit.nginx_reader import Directive, location, mapped

BEHIND: dict[str, Any] = {
    "nginx_behind_proxy": ["10.0.0.0/8"],
    "nginx_server_name": "omero.example",
}
EXTRA = "omero.web.nginx_server_extra_config"
PUBLIC: dict[str, Any] = {
    "omero.web.public.enabled": True,
    "omero.web.public.user": "public",
    "omero.web.public.url_filter": "^/webgateway/render_thumbnail/",
}


def headers(directive: Directive) -> dict[str, str]:
    return dict(value.split(" ", 1) for value in directive.values("add_header"))


def whole_site(tls: str, **config: Any) -> tuple[Directive, Directive]:
    """A whole site, and the server that visitors end at. Every part of the templates is in it."""
    site = config_of(nginx_tls=tls, nginx_public_cache=True, web_config={**PUBLIC, **config})
    return site, served(site)


@pytest.mark.parametrize("tls", ["off", "self-signed"])
def test_no_location_has_a_header_of_its_own_so_each_inherits_all(tls: str) -> None:
    """NGINX inherits add_header only where a level has none: the site's own would be lost."""
    _config, server = whole_site(tls)
    names = {"X-Content-Type-Options", "Referrer-Policy", "X-Request-ID", "Retry-After"}
    assert names <= headers(server).keys()
    assert ("Strict-Transport-Security" in headers(server)) == (tls != "off")
    blocks = [*server.all("location"), *server.all("if")]
    assert len(blocks) > 10
    assert [each.words for each in blocks if headers(each)] == []


@pytest.mark.parametrize(
    ("path", "answer", "sent"),
    [
        ("", "page", {"$omero_web_referrer_policy", "$omero_web_permissions_policy"}),
        ("/static/x.css", "static", set()),
        ("/omero-web-maintenance.json", "maintenance", {"$omero_web_own_cache"}),
        ("/omero-web-too-many-logins.html", "too-many-logins", {"$omero_web_retry_after"}),
        ("/omero-web-too-large.html", "too-large", {"$omero_web_own_cache"}),
    ],
)
def test_what_the_headers_say_follows_from_the_answer(
    path: str, answer: str, sent: set[str]
) -> None:
    config, server = whole_site("off")
    block = location(server, path) if path else server
    assert block is not None
    assert f"$omero_web_answer {answer}" in block.values("set")
    variables = {
        "$omero_web_referrer_policy",
        "$omero_web_permissions_policy",
        "$omero_web_own_cache",
        "$omero_web_retry_after",
    }
    filled = {each for each in variables if mapped(config, each, {"$omero_web_answer": answer})}
    assert sent <= filled
    assert ("$omero_web_retry_after" in filled) == (answer not in ("page", "static", "too-large"))
    if answer == "static":
        assert not filled


@pytest.mark.parametrize(
    "line",
    [
        "add_header Referrer-Policy no-referrer always;",
        'add_header "referrer-policy" "no-referrer; x" always;',
        "add_header X-Site a; add_header Referrer-Policy no-referrer;",
    ],
)
def test_a_header_of_the_site_s_replaces_the_bundle_s(line: str) -> None:
    _config, server = whole_site("off", **{EXTRA: [line]})
    names = [value.split()[0].lower() for value in server.values("add_header")]
    assert names.count("referrer-policy") == 1
    assert "x-content-type-options" in names
    inside = "location /own/ { add_header Referrer-Policy no-referrer; return 204; }"
    _config, server = whole_site("off", **{EXTRA: [inside]})
    assert headers(server)["Referrer-Policy"] == "$omero_web_referrer_policy always"


@pytest.mark.parametrize(
    ("names", "allowed", "host"),
    [
        (None, None, "localhost"),
        ("_", None, "localhost"),
        ("omero.* omero.example", None, "omero.example"),
        (None, ["*"], "localhost"),
        (None, [".example.org", "a.example"], "example.org"),
        ("_", ["omero.example"], "omero.example"),
    ],
)
@pytest.mark.parametrize("behind", [None, ["10.0.0.5"]])
def test_a_request_without_a_host_gets_a_name_that_omero_web_takes(
    names: str | None, allowed: list[str] | None, host: str, behind: list[str] | None
) -> None:
    """HTTP/1.0: with an empty Host, Django answers 400 by the Unix socket."""
    properties = {} if allowed is None else {"omero.web.allowed_hosts": allowed}
    data: dict[str, Any] = {"nginx_server_name": names} if names else {}
    if behind:
        data["nginx_behind_proxy"] = behind
    config = config_of(web_config=properties, **data)
    for trusted in "01":
        asked = {"$omero_web_trusted:$http_x_forwarded_host": f"{trusted}:", "$http_host": ""}
        assert mapped(config, "$omero_web_host", asked) == host


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
    assert "Cache-Control $omero_web_cache" in served(config).values("add_header")


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
        ("GET /webclient/", "server=1&bsession=1f2e", True),
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
    key = mapped(config, "$omero_web_login_request", request)
    assert (key != "") == counted


CONFIG = config_of()


def visitor(address: str) -> str:
    """The key under which NGINX counts an address."""
    packed = ipaddress.ip_address(address).packed.decode("latin-1")
    key = mapped(CONFIG, "$omero_web_visitor", {"$binary_remote_addr": packed})
    return {"$binary_remote_addr": packed, "$omero_web_network": packed[:8]}[key]


@given(st.ip_addresses(v=6), st.ip_addresses(v=6))
@example(ipaddress.IPv6Address("2001:db8:abcd::1"), ipaddress.IPv6Address("2001:db8:abcd::2"))
@example(ipaddress.IPv6Address("2001:db8::5:6:7:8"), ipaddress.IPv6Address("2001:db8::1"))
@example(ipaddress.IPv6Address("::a"), ipaddress.IPv6Address("::a0a:a0a:a0a:a0a"))
def test_an_ipv6_visitor_is_a_network_of_64_bits(
    one: ipaddress.IPv6Address, other: ipaddress.IPv6Address
) -> None:
    if one.ipv4_mapped or other.ipv4_mapped:
        return
    networks = {ipaddress.ip_network((each, 64), strict=False) for each in (one, other)}
    assert (visitor(str(one)) == visitor(str(other))) == (len(networks) == 1)


def test_an_ipv4_visitor_is_an_address_however_it_is_written() -> None:
    for one, other in (("192.0.2.1", "192.0.2.2"), ("::ffff:192.0.2.1", "::ffff:192.0.2.2")):
        assert visitor(one) != visitor(other)


@given(
    st.text("bsession=&%6273?password+;", max_size=30), st.sampled_from(["bsession", "password"])
)
@example("b%73ession=1", "bsession")
@example("x&bsessio%6E", "bsession")
def test_no_spelling_of_a_session_key_or_password_is_left_uncounted(query: str, name: str) -> None:
    """As Django reads a query."""
    asked = {"$args": query, "$request_method $uri": "GET /webclient/"}
    counted = mapped(CONFIG, "$omero_web_login_request", asked | {"$remote_addr": "192.0.2.7"})
    if name in dict(parse_qsl(query, keep_blank_values=True)):
        assert counted == "$binary_remote_addr"
        uri = f"/webclient/?{query}"
        assert query not in mapped(CONFIG, "$omero_web_logged", {"$request_uri": uri})
        for request in (f"{uri} ", f"/static/x.css {uri}"):  # the address, a referrer
            named = {"$request_uri $http_referer": request}
            assert mapped(CONFIG, "$omero_web_secret", named) == "-quiet"


@pytest.mark.parametrize(
    ("protocol", "body", "cookie", "way"),
    [
        ("HTTP/1.1", ":", "", "request"),
        ("HTTP/1.1", ":5000000", "", "request"),
        ("HTTP/1.1", ":5000000", "sessionid=", "request"),
        ("HTTP/1.1", ":5000000", "mysessionid=1", "request"),
        ("HTTP/1.1", ":90000", "sessionid=1", "request"),
        ("HTTP/1.1", ":5000000", "a=b; sessionid=1", "upload"),
        ("HTTP/1.1", ":005000000", "sessionid=1", "upload"),
        ("HTTP/1.1", ":000000900", "sessionid=1", "request"),
        ("HTTP/1.1", "chunked:", "sessionid=1", "upload"),
        ("HTTP/2.0", ":", "sessionid=1", "upload"),
        ("HTTP/2.0", ":0", "sessionid=1", "request"),
    ],
)
def test_a_large_body_with_a_session_goes_its_own_way(
    protocol: str, body: str, cookie: str, way: str
) -> None:
    line = "$server_protocol $request_method $http_transfer_encoding:$http_content_length"
    asked = {line: f"{protocol} POST {body}", "$http_cookie": cookie}
    large = mapped(CONFIG, "$omero_web_large", asked)
    session = mapped(CONFIG, "$omero_web_session", asked)
    for secret in ("", "-quiet"):
        asked = {
            "$omero_web_large-$omero_web_session$omero_web_secret": f"{large}-{session}{secret}"
        }
        assert mapped(CONFIG, "$omero_web_way", asked) == f"{way}$omero_web_secret"


def test_a_cookie_has_the_name_that_omero_web_gives_it() -> None:
    config = config_of(web_config={"omero.web.session_cookie_name": "my.id"})
    for cookie, known in (("my.id=1", "session"), ("myxid=1", ""), ("sessionid=1", "")):
        assert mapped(config, "$omero_web_session", {"$http_cookie": cookie}) == known


@pytest.mark.parametrize("quiet", ["", "-quiet"])
def test_only_who_is_logged_in_sends_what_is_large(quiet: str) -> None:
    server = served(config_of(nginx_max_body_size="9g", web_config={"omero.web.prefix": "/omero"}))
    ways = {
        way: location(server, "/omero/webclient/", f"{way}{quiet}") for way in ("request", "upload")
    }
    request, upload = ways["request"], ways["upload"]
    assert request is not None and upload is not None
    assert request.value("client_max_body_size") == request_policy.SMALL_BODY
    assert upload.value("client_max_body_size") == "9g"
    session = location(server, upload.value("auth_request"))
    assert session is not None
    assert session.value("proxy_pass") == "http://omero_web/omero/ops/session"
    assert session.value("proxy_pass_request_body") == "off"
    taken = location(server, upload.value("try_files").split()[-1].split("?")[0])
    assert taken is not None
    for each in (request, upload, session, taken):
        assert each.all("internal")
        assert each.values("error_log") == (["/dev/null emerg"] if quiet else [])
    for each in (request, upload):
        assert (
            each.value("limit_req")
            == f"zone=omero_web_login burst={request_policy.LOGIN_BURST} nodelay"
        )
        assert "omero_web_connections 2000" in each.values("limit_conn")


@pytest.mark.parametrize(
    ("body", "counted"),
    [
        (":99999999", False),
        (":100000000", True),
        ("chunked:", True),
        (":", False),
        (":0099", False),
    ],
)
def test_uploads_above_100_mb_are_counted(body: str, counted: bool) -> None:
    asked = {"$http_transfer_encoding:$http_content_length": body}
    assert (mapped(CONFIG, "$omero_web_heavy", asked) != "") == counted


def test_the_limit_of_an_address_is_the_site_s() -> None:
    for limit, said in ((40, ["omero_web_connections 40"]), (0, [])):
        config = config_of(nginx_max_connections=limit)
        found = location(served(config), "/webclient/")
        assert found is not None
        assert found.values("limit_conn") == said


def test_public_pages_make_no_endless_number_of_sessions() -> None:
    public = {"omero.web.public.enabled": True, "omero.web.public.user": "public"}
    public |= {"omero.web.public.url_filter": "^/webclient/(?!script)"}
    config = config_of(web_config=public)
    found = location(served(config), "/webclient/")
    assert found is not None
    assert any("zone=omero_web_sessions" in each for each in found.values("limit_req"))
    for session, uri, key in (
        ("session", "/webclient/", ""),
        ("", "/webclient/", "$binary_remote_addr"),
        ("", "/webgateway/imgData/1/", "$binary_remote_addr"),
        ("", "/webgateway/render_thumbnail/1/", ""),
        ("", "/webgateway/render_image_region/1/0/0/?tile=0,1,1", ""),
        ("", "/webclient/?/webgateway/render_image/1/", "$binary_remote_addr"),
    ):
        asked = {"$omero_web_session$request_uri": f"{session}{uri}"}
        assert mapped(config, "$omero_web_without_session", asked) == key


def test_logins_are_limited_with_429_where_they_reach_omero_web() -> None:
    config = config_of()
    (zone,) = config.values("limit_req_zone")
    assert zone == f"$omero_web_login zone=omero_web_login:10m rate={request_policy.LOGIN_RATE}"
    application = location(served(config), "/webclient/login/")
    assert application is not None
    assert application.value("limit_req").endswith("nodelay")
    assert request_policy.LOGIN_BURST >= 50
    (way,) = [each for each in served(config).all("location") if each.words == ("/",)]
    assert way.values("set") == ["$omero_web_login $omero_web_login_request"]
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
    for sent, host in (
        ("1:omero.example", "$omero_web_forwarded"),
        ("1:OMERO.example:8443", "$omero_web_forwarded"),
        ("1:omero.example, evil", "omero.example"),
        ("1:evil.example", "omero.example"),
        ("0:omero.example", ""),
        ("1:", "omero.example"),
    ):
        asked = {"$omero_web_trusted:$http_x_forwarded_host": sent}
        asked["$omero_web_trusted:$omero_web_named_host"] = sent[:2]
        assert mapped(config, "$omero_web_host", asked) == host
    anyone = config_of(nginx_behind_proxy=["10.0.0.0/8"])
    for sent, host in (
        ("1:omero.example", "$omero_web_forwarded"),
        ("1:omero.example, evil", "$http_host"),
        ("0:omero.example", "$http_host"),
    ):
        asked = {"$omero_web_trusted:$http_x_forwarded_host": sent, "$http_host": "inner"}
        assert mapped(anyone, "$omero_web_host", asked) == host
    for sent, identity in (
        ("1:0123456789abcdef", "$omero_web_given"),
        ("0:0123456789abcdef", "$request_id"),
        ("1:with space and more", "$request_id"),
    ):
        asked = {"$omero_web_trusted:$http_x_request_id": sent}
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
         '["https://a.example"]'),
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
    assert nginx_lines.directives(lines) == {"a", "b", "location", "e"}


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
        assert found.value("root") == host_paths.ACME


def test_no_time_out_of_gunicorn_is_a_day_for_nginx() -> None:
    found = location(served(config_of(web_config={"omero.web.wsgi_timeout": 0})), "/")
    assert found is not None
    assert found.value("proxy_read_timeout") == "86410s"


def test_a_refusal_is_told_to_people_and_to_programs() -> None:
    site = site_of(a_host(web_config={"omero.web.prefix": "/omero"}))
    found = {Path(each.path).name: each.content for each in request_policy.pages("/omero")}
    assert len(found) == 6
    config = site_config.content(Target(site, only_member(site), SURVEY))
    for name, text in found.items():
        assert name in config
        stem, _, form = name.partition(".")
        if form == "html":
            assert 'href="/omero/webclient/login/"' in text
        else:
            assert json.loads(text)["error"] == stem.replace("-", "_")
            assert "\n" not in text.strip()
    for login, page in (("", "requests"), ("x", "logins")):
        limit = mapped(CONFIG, "$omero_web_limit", {"$omero_web_login": login})
        assert f"too-many-{limit}.html" in found and limit == page


NAMED: dict[str, Any] = {"nginx_server_name": "Omero.example *.b.example .c.example"}


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("omero.example", True),
        ("OMERO.EXAMPLE:8080", True),
        ("omero.example.", True),
        ("a.b.example", True),
        ("a.a.b.example", True),
        ("b.example", False),
        ("c.example", True),
        ("www.c.example:443", True),
        ("xc.example", False),
        ("evil.example", False),
        ("omero.example.evil.example", False),
        ("omeroxexample", False),
        ("evil.example/.b.example", False),
        ("user@a.b.example", False),
        ("omero.example:80:80", False),
        ("", False),
    ],
)
def test_only_the_site_s_names_are_served(host: str, own: bool) -> None:
    config = config_of(**NAMED)
    found = mapped(config, "$omero_web_named_host", {"$http_host": host})
    assert found == ("$http_host" if own else "")


@pytest.mark.parametrize(
    ("own", "host", "known"),
    [
        ("10.0.0.9", "10.0.0.9", True),
        ("10.0.0.9", "10.0.0.9:8080", True),
        ("10.0.0.9", "10.0.0.99", False),
        ("2001:db8::9", "[2001:db8::9]:80", True),
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "[::1]:80", True),
        ("10.0.0.9", "web1.example", True),
        ("10.0.0.9", "", True),
        ("10.0.0.9", "evil.example", False),
    ],
)
def test_a_check_may_ask_for_this_machine_and_omero_web_hears_its_name(
    own: str, host: str, known: bool
) -> None:
    config = config_of(**NAMED, address="web1.example")
    found = mapped(config, "$omero_web_own_host", {"$server_addr $http_host": f"{own} {host}"})
    assert found == ("Omero.example" if known else "")


@pytest.mark.parametrize("tls", ["off", "self-signed"])
def test_another_host_is_misdirected_where_names_are_known(tls: str) -> None:
    for names, refused in (
        ("omero.example", True),
        ("omero.example _", False),
        ("omero.*", False),
        (None, False),
    ):
        config = config_of(nginx_server_name=names, nginx_tls=tls)
        for server in config.all("server"):
            found = [each for each in server.all("if") if "omero_web_host" in str(each.words)]
            assert [each.value("return") for each in found] == ["421"] * refused


def test_omero_web_is_told_the_names_and_the_site_s_own_word_wins() -> None:
    name = "omero.web.allowed_hosts"
    local = ["localhost", "127.0.0.1", "[::1]"]
    for data, hosts in (
        (NAMED, ["omero.example", ".b.example", ".c.example", *local]),
        ({**NAMED, "web_config": {name: ["x.example"]}}, ["x.example"]),
        ({**NAMED, "web_config_append": {name: ["x.example"]}}, ["*", "x.example"]),
    ):
        assert json.loads(properties_of(site_of(a_host(**data)))[name]) == hosts
    for open_names in ("_", "omero.*", "omero.example _"):
        assert name not in properties_of(site_of(a_host(nginx_server_name=open_names)))


def test_what_gunicorn_takes_from_nginx_is_not_a_visitor_s() -> None:
    server = served(config_of())
    proxies = [each for each in server.all("location") if each.values("proxy_pass")]
    assert len(proxies) >= 6
    for each in proxies:
        sent = {header.words[0]: header.words[1] for header in each.all("proxy_set_header")}
        assert sent["SCRIPT_NAME"] == sent["PATH_INFO"] == ""


@pytest.mark.parametrize(
    ("system", "version", "hybrid"),
    [("debian", "12", False), ("debian", "13", True), ("ubuntu", "24.04", False),
     ("ubuntu", "25.10", True), ("ubuntu", "26.04", True), ("debian", "", False)],
)  # fmt: skip
def test_a_key_exchange_is_safe_from_quantum_computers_where_openssl_has_it(
    system: str, version: str, hybrid: bool
) -> None:
    survey = replace(SURVEY, id=system, version=version)
    groups = served(config_of(survey, nginx_tls="self-signed")).value("ssl_ecdh_curve").split(":")
    assert ("X25519MLKEM768" in groups) == hybrid
    assert groups[-3:] == ["X25519", "prime256v1", "secp384r1"]


@pytest.mark.parametrize("written", ["/omero/files", "/omero/files/"])
def test_a_static_url_has_a_last_slash_whether_it_is_written_or_not(written: str) -> None:
    """OMERO.web adds it itself. NGINX's alias would lead out of its folder without it."""
    config = config_of(web_config={"omero.web.static_url": written, "omero.web.prefix": "/omero"})
    for path, found in (("/omero/filesystem", False), ("/omero/files/a.css", True)):
        chosen = location(served(config), path)
        assert chosen
        assert (chosen.words == ("/omero/files/",)) is found
    query = {"$request_uri": "/omero/files/a.css?_1"}
    assert mapped(config, "$omero_web_cache", query) == "public, max-age=31536000, immutable"
