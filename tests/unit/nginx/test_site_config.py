"""What the rendered site does with requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from omeroweb_ops.property_names import NGINX_SERVER_EXTRA_CONFIG as EXTRA
from omeroweb_ops.shared.static_cache import STATIC_CACHE_VALID

from roles import host_paths
from roles.conventions import LOCATIONS
from roles.inventory import tls_files
from roles.inventory.settings import Certificate
from roles.inventory.site import Site
from roles.nginx import site_config, tls
from roles.survey import Survey
from roles.target import Target
from tests.certificates import issue
from tests.unit.helpers import KEY, PASSWORD, SURVEY, a_host, only_member, site_of
from tests.unit.nginx_reader import Directive, location, mapped, parse

STATIC = str(LOCATIONS.static)


def config_of(survey: Survey = SURVEY, **data: Any) -> Directive:
    site = site_of(a_host(**data))
    return parse(site_config.content(Target(site, only_member(site), survey)))


def served(config: Directive) -> Directive:
    """The server that visitors end at."""
    return config.all("server")[-1]


def proxied(server: Directive, path: str) -> bool:
    found = location(server, path)
    return found is not None and found.values("proxy_pass") == ["http://omero_web$request_uri"]


def served_from(server: Directive, path: str = "/static/webgateway/css/ome.css") -> list[str]:
    """The files that are looked for, in their order."""
    found = location(server, path)
    assert found is not None
    (name,) = found.words
    first = found.value("alias") + path.removeprefix(name)
    former = found.value("error_page").removeprefix("404 = ")
    (then,) = [each for each in server.all("location") if each.words == (former,)]
    pattern, replacement, flag = then.value("rewrite").split()
    assert flag == "break"
    uri = re.sub(pattern, replacement.replace("$1", r"\1"), path)
    tried = then.value("try_files").split()
    assert tried.pop() == "=404"
    return [first, *(then.value("root") + each.replace("$uri", uri) for each in tried)]


def with_prefix(prefix: str) -> Directive:
    return served(config_of(web_config={"omero.web.prefix": prefix}))


def test_one_server_on_port_80_hands_everything_to_omero_web() -> None:
    config = config_of()
    (server,) = config.all("server")
    assert server.values("listen") == ["80 default_server", "[::]:80 default_server"]
    assert server.value("server_name") == "_"
    for path in ("/", "/webclient/", "/api/v0/", "/static.html"):
        assert proxied(server, path)
    (upstream,) = config.all("upstream")
    assert upstream.words == ("omero_web",)
    assert upstream.values("server") == ["unix:/run/omero-web.sock fail_timeout=0"]
    (upstream,) = config_of(replace(SURVEY, systemd=False)).all("upstream")
    assert upstream.values("server") == ["unix:/run/omero-web.sock fail_timeout=0"]


def test_without_ipv6_nothing_of_it_is_listened_on() -> None:
    config = config_of(replace(SURVEY, ipv6=False), nginx_tls="self-signed")
    listens = [value for server in config.all("server") for value in server.values("listen")]
    assert len(listens) == 2
    assert not any("[" in value for value in listens)


def test_static_files_are_nginx_s_own_business() -> None:
    assert served_from(served(config_of())) == [
        "/opt/omero/web/venv3/static/webgateway/css/ome.css",
        "/opt/omero/web/previous/static/webgateway/css/ome.css",
    ]


def test_only_static_files_are_kept_open_and_maintenance_is_looked_up_at_each_request() -> None:
    server = served(config_of())
    assert server.value("open_file_cache") == "off"
    kept = [each for each in server.all("location") if each.all("open_file_cache")]
    assert [each.words for each in kept] == [("/static/",)]
    # what a page of another release waits for (omeroweb_ops.gunicorn.static_cache_guard)
    assert kept[0].value("open_file_cache_valid") == str(STATIC_CACHE_VALID)
    own = served(config_of(web_config={EXTRA: ["open_file_cache max=9;"]}))
    assert own.values("open_file_cache") == ["max=9"]


def test_a_static_root_of_the_site_is_served_from_there() -> None:
    config = config_of(web_config={"omero.web.static_root": "/srv/static/"})
    found = location(served(config), "/static/x.css")
    assert found is not None
    # alias replaces the location's name, so that both must end in a slash
    assert found.words == ("/static/",)
    assert found.value("alias") == "/srv/static/"


def test_static_files_on_another_server_are_not_looked_for_here() -> None:
    url = "https://cdn.example/static/"
    server = served(config_of(web_config={"omero.web.static_url": url}))
    assert proxied(server, "/static/x.css")
    assert not any("/static" in str(each.values("try_files")) for each in server.all("location"))


def test_the_application_learns_how_the_visitor_came() -> None:
    found = location(served(config_of()), "/webclient/")
    assert found is not None
    headers = dict(value.split(" ", 1) for value in found.values("proxy_set_header"))
    assert headers["Host"] == headers["X-Forwarded-Host"] == "$omero_web_host"
    assert headers["X-Forwarded-Proto"] == "$omero_web_scheme"
    assert headers["X-Forwarded-For"] == "$remote_addr"  # what a visitor sends is not passed on
    assert headers["X-Request-ID"] == "$omero_web_request_id"


def test_nginx_waits_longer_than_gunicorn_so_that_gunicorn_tells_of_a_time_out() -> None:
    found = location(served(config_of(web_config={"omero.web.wsgi_timeout": 300})), "/")
    assert found is not None
    assert int(found.value("proxy_read_timeout").removesuffix("s")) > 300


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("wss://10.0.0.5", "https://10.0.0.5:4066"),
        ("ws://[fd00::5]/", "http://[fd00::5]:4065"),
        ("wss://omero_1.example:443", "https://omero_1.example:443"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/omero"])
def test_omero_s_clients_reach_its_websocket_below_no_prefix(
    url: str, target: str, prefix: str
) -> None:
    properties = {"omero.web.prefix": prefix}
    server = served(config_of(nginx_omero_ws=url, web_config=properties))
    found = location(server, "/omero-ws")
    assert found is not None
    assert found.words == ("=", "/omero-ws")
    assert found.value("proxy_pass") == target  # without a path: the request's own
    sent = dict(value.split(" ", 1) for value in found.values("proxy_set_header"))
    assert (sent["Upgrade"], sent["Connection"]) == ("$http_upgrade", "upgrade")
    assert sent["Cookie"].strip() == ""
    assert found.values("limit_conn") == ["omero_web_connections 2000"]
    unlimited = served(config_of(nginx_omero_ws=url, nginx_max_connections=0))
    found = location(unlimited, "/omero-ws")
    assert found is not None and found.values("limit_conn") == []


def test_without_the_setting_the_path_is_omero_web_s() -> None:
    assert proxied(served(config_of()), "/omero-ws")


def test_with_tls_plain_http_is_sent_to_https() -> None:
    plain, secure = config_of(nginx_tls="self-signed", nginx_server_name="omero.example.org").all(
        "server"
    )
    assert plain.values("listen") == ["80 default_server", "[::]:80 default_server"]
    assert redirection(plain) == "301 https://$host$request_uri"
    assert all(value.startswith(("443 ssl", "[::]:443 ssl")) for value in secure.values("listen"))
    assert secure.value("ssl_certificate") == tls_files.CERTIFICATE
    assert secure.value("ssl_certificate_key") == tls_files.KEY
    assert secure.value("ssl_protocols") == "TLSv1.2 TLSv1.3"
    for server in (plain, secure):
        assert server.value("server_name") == "omero.example.org"
    assert proxied(secure, "/webclient/")


def redirection(server: Directive) -> str:
    found = location(server, "/webclient/")
    assert found is not None
    return found.value("return")


def test_the_redirection_to_https_names_an_unusual_port() -> None:
    plain, secure = config_of(
        nginx_tls="self-signed", nginx_http_port=8080, nginx_https_port=8443
    ).all("server")
    assert plain.values("listen")[0].startswith("8080 ")
    assert redirection(plain) == "301 https://$host:8443$request_uri"
    assert secure.values("listen")[0].startswith("8443 ssl")


def test_without_tls_no_certificate_is_named() -> None:
    assert all(not server.values("ssl_certificate") for server in config_of().all("server"))


@pytest.mark.parametrize("prefix", ["/omero", "/omero/", "/deep/er"])
def test_a_prefix_is_served_and_the_root_leads_to_it(prefix: str) -> None:
    server = with_prefix(prefix)
    prefix = prefix.rstrip("/")
    for path in ("/", prefix):
        found = location(server, path)
        assert found is not None
        assert found.value("return") == f"302 {prefix}/"
    assert proxied(server, f"{prefix}/webclient/")
    assert not proxied(server, "/webclient/")  # un-prefixed, the application answers 500
    assert location(server, "/elsewhere") is None
    assert served_from(server, f"{prefix}/static/x.css")[0] == f"{STATIC}/x.css"


@pytest.mark.parametrize("prefix", ["", "/omero"])
def test_an_error_of_the_upstream_shows_the_maintenance_page_with_503(prefix: str) -> None:
    server = with_prefix(prefix)
    assert (
        server.values("error_page")[-1] == "502 503 504 =503 /omero-web-maintenance.$omero_web_form"
    )
    application = location(server, f"{prefix}/webclient/")
    assert application is not None
    assert application.value("proxy_intercept_errors") == "on"
    for form in ("html", "json"):
        page = location(server, f"/omero-web-maintenance.{form}")
        assert page is not None
        assert page.all("internal")
        assert page.value("alias") == f"$omero_web_pages/maintenance.{form}"
        assert page.values("set") == ["$omero_web_answer maintenance"]


@pytest.mark.parametrize("prefix", ["", "/omero"])
@pytest.mark.parametrize(
    ("path", "accept", "requested_with", "form"),
    [
        ("/webclient/", "text/html,application/xhtml+xml", "", "html"),
        ("/webclient/", "Text/HTML", "XMLHttpRequest", "html"),
        ("/webclient/", "*/*", "", "html"),
        ("/webclient/", "*/*", "XMLHttpRequest", "json"),
        ("/webclient/", "application/json", "", "json"),
        ("/webclient/", "application/json, text/html", "", "html"),
        ("/api/v0/", "text/html", "", "json"),
        ("/api", "*/*", "", "json"),
        ("/api?x=1", "", "", "json"),
        ("/apiary/", "text/html", "", "html"),
    ],
)
def test_the_maintenance_page_has_the_form_that_was_asked_for(
    prefix: str, path: str, accept: str, requested_with: str, form: str
) -> None:
    config = config_of(web_config={"omero.web.prefix": prefix})
    request = {
        "$request_uri": prefix + path,
        "$http_accept": accept,
        "$http_x_requested_with": requested_with,
    }
    assert mapped(config, "$omero_web_form", request) == form


def test_extra_lines_stand_in_the_server_that_visitors_end_at() -> None:
    lines = ["client_body_timeout 99s;", "location /own/ { return 204; }"]
    config = config_of(
        nginx_tls="self-signed", web_config={"omero.web.nginx_server_extra_config": lines}
    )
    plain, secure = config.all("server")
    assert secure.value("client_body_timeout") == "99s"
    own = location(secure, "/own/x")
    assert own is not None
    assert own.value("return") == "204"
    assert plain.values("client_body_timeout") == []


def test_extra_lines_may_be_given_as_omero_config_set_takes_them() -> None:
    own = '["client_body_timeout 99s;"]'
    config = config_of(web_config={"omero.web.nginx_server_extra_config": own})
    assert served(config).values("client_body_timeout") == ["99s"]


def test_extra_lines_may_be_appended() -> None:
    name = "omero.web.nginx_server_extra_config"
    config = config_of(web_config_append={name: ["client_body_timeout 99s;"]})
    assert served(config).values("client_body_timeout") == ["99s"]


def test_a_site_that_quotes_a_secret_is_not_for_others_to_read(tmp_path: Path) -> None:
    name, lines = "omero.web.nginx_server_extra_config", ['proxy_set_header X-Key "hunter2 x";']
    path = tmp_path / "secrets.yml"
    path.write_text(yaml.safe_dump({name: lines, "omero.web.secret_key": KEY}))
    path.chmod(0o600)
    for data, mode in (({"web_secrets": str(path)}, "640"), ({"web_config": {name: lines}}, "644")):
        site = site_of(a_host(**data))
        content = site_config.content(Target(site, only_member(site), SURVEY))
        assert lines[0] in content
        assert site.mode(content) == mode


@pytest.fixture
def several(tmp_path: Path) -> Callable[..., Site]:
    """Two web hosts, one of them with an NGINX too, and one host with NGINX alone."""
    secrets = tmp_path / "secrets.yml"
    secrets.write_text(f"omero.web.secret_key: {KEY}\nredis_password: {PASSWORD}\n")

    def site(**web: Any) -> Site:
        return site_of(
            a_host(
                "n.example",
                "redis nginx",
                reached_as="10.0.0.1",
                web_secrets=str(secrets),
                redis_bind="10.0.0.1",
            ),
            a_host("a.example", "web", reached_as="10.0.0.2", **web),
            a_host("b.example", "web nginx", reached_as="10.0.0.3", **web),
        )

    return site


def test_several_omero_webs_share_the_visitors(several: Callable[..., Site]) -> None:
    site = several()
    config = parse(site_config.content(Target(site, site.members["n.example"], SURVEY)))
    (upstream,) = config.all("upstream")
    passive = "max_fails=3 fail_timeout=10s"
    assert upstream.values("server") == [f"10.0.0.2:4080 {passive}", f"10.0.0.3:4080 {passive}"]
    assert upstream.all("least_conn")
    assert upstream.all("zone")  # else each worker counts for itself
    application = location(served(config), "/webclient/")
    assert application is not None
    assert "non_idempotent" not in application.value("proxy_next_upstream")  # no POST twice
    assert application.values("proxy_next_upstream_timeout")
    monitoring = location(served(config), "/ops/metrics")
    assert monitoring is not None
    assert {each.words: each.value("proxy_pass") for each in monitoring.all("location")} == {
        (f"/ops/at/{upstream}/",): f"http://{upstream}/ops/"
        for upstream in ("10.0.0.2:4080", "10.0.0.3:4080")
    }


@pytest.mark.parametrize("prefix", ["", "/a.b"])
def test_an_nginx_on_its_own_host_serves_what_was_delivered(
    several: Callable[..., Site], prefix: str
) -> None:
    site = several(web_config={"omero.web.prefix": prefix} if prefix else {})
    config = parse(site_config.content(Target(site, site.members["n.example"], SURVEY)))
    assert served_from(served(config), f"{prefix}/static/css/x.css") == [
        f"{host_paths.STATIC_FILES}/current/css/x.css",
        f"{host_paths.STATIC_FILES}/previous/css/x.css",
    ]


def test_an_nginx_beside_an_omero_web_serves_the_files_of_that_one(
    several: Callable[..., Site],
) -> None:
    site = several()
    member = site.members["b.example"]
    config = parse(site_config.content(Target(site, member, SURVEY)))
    assert served_from(served(config), "/static/x.css")[0] == f"{STATIC}/x.css"
    assert not site_config.needs_delivery(Target(site, member, SURVEY))
    assert site_config.needs_delivery(Target(site, site.members["n.example"], SURVEY))


def test_the_site_s_own_certificate_is_copied_and_its_key_is_for_root_only(tmp_path: Path) -> None:
    own = issue("omero.example")
    (tmp_path / "site.pem").write_text(own.pem)
    (tmp_path / "site.key").write_text(own.key_pem + "\n")
    member = only_member(
        site_of(
            a_host(
                "@docker/one",
                nginx_tls={
                    "certificate": f"{tmp_path}/site.pem",
                    "key": f"{tmp_path}/site.key",
                },
            )
        )
    )
    assert isinstance(member.settings.nginx_tls, Certificate)
    items = {item.path: item for item in tls.items(member)}
    assert items[tls_files.KEY].state.startswith("file 600 root:root ")
    assert items[tls_files.CERTIFICATE].state.startswith("file 644 ")
    assert items[host_paths.NGINX_TLS].state == "directory 700 root:root"
    assert getattr(items[tls_files.KEY], "content", "") == own.key_pem


def test_without_tls_nothing_of_certificates_is_made_or_left_running() -> None:
    items = tls.items(only_member(site_of(a_host())))
    assert {item.state for item in items} == {"absent"}
    assert {item.path for item in items} == {
        host_paths.CERTIFICATE_CRON,
        host_paths.CERTIFICATE_COMMAND,
        host_paths.ACME_AUTHORITY,
        host_paths.ACME_STAMP,
    }


@pytest.mark.parametrize(
    ("name", "data", "names"),
    [
        ("@local", {"nginx_server_name": "a.example b.example"}, ("a.example", "b.example")),
        ("@local", {"address": "10.0.0.5"}, ("10.0.0.5",)),
        ("@local", {}, (SURVEY.ip,)),
    ],
)
def test_a_self_signed_certificate_is_for_what_visitors_type(
    name: str, data: dict[str, Any], names: tuple[str, ...]
) -> None:
    member = only_member(site_of(a_host(name, nginx_tls="self-signed", **data)))
    assert tls.names(member, SURVEY) == names


def test_not_ready_is_told_in_omero_web_s_own_words() -> None:
    """A 503 of ops/ready is an answer, and no reason for the maintenance page."""
    found = location(served(config_of()), "/ops/ready")
    assert found is not None
    (page,) = found.values("error_page")
    assert page.startswith("502 504 =503 ")
