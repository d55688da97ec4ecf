from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.host_paths import NGINX_SITE, PAGES
from roles.nginx import container, site_config
from roles.operations.files import Absent, File
from roles.survey import Survey
from roles.target import Target
from tests.unit.nginx_reader import parse

CONTAINER = site_config.Container("web", ("127.0.0.11",))


def files(variables: Mapping[str, str], omero: Mapping[str, str] | None = None) -> dict[str, str]:
    """The texts of the files that the container writes, by path."""
    found, findings = container.site(variables, omero or {})
    assert [str(each) for each in findings] == []
    target = Target(found, found.members["@local"], Survey(id="debian", version="12"))
    items = container.items(target, CONTAINER)
    return {each.path: each.content for each in items if isinstance(each, File)}


def site(variables: Mapping[str, str], omero: Mapping[str, str] | None = None) -> str:
    return files(variables, omero)[NGINX_SITE]


def errors(variables: Mapping[str, str]) -> list[str]:
    return [str(each) for each in container.site(variables, {})[1]]


def test_the_published_port_is_in_redirects_alone() -> None:
    text = site({"NGINX_TLS": "self-signed", "NGINX_HTTPS_PORT": "4443"})
    assert "listen 8080 default_server;" in text
    assert "listen 8443 ssl" in text
    assert "return 301 https://$host:4443$request_uri;" in text


def test_each_container_of_omero_web_is_found_by_its_name() -> None:
    text = site({})
    assert "resolver 127.0.0.11 valid=1s" in text
    assert "set $omero_web_containers web:4080;" in text
    assert "http://omero_web" not in text
    assert "upstream omero_web" not in text


def test_properties_of_variables_and_files_are_followed() -> None:
    text = site(
        {"CONFIG_omero_web_wsgi__timeout": "100"},
        {"00.omero": "config set -- omero.web.prefix /omero\nconfig set -- omero.web.debug True"},
    )
    assert "proxy_read_timeout 110s;" in text
    assert "location /omero/ {" in text
    assert "return 302 /omero/;" in text


def test_the_errors_of_omero_web_s_own_settings_are_its_own() -> None:
    assert errors({"CONFIG_omero_web_nothing": "1", "WEB_PLUGINS": "none", "WEB_X": "1"}) == []


def test_every_mistake_is_told() -> None:
    told = errors(
        {
            "NGINX_TLS": "on",
            "NGINX_SERVERNAME": "x",
            "WEB_CORS_LOGIN": "maybe",
            "CONFIG_omero_web_application__server_port": "http",
        }
    )
    names = [each.partition(":")[0] for each in told]
    assert names == ["NGINX_SERVERNAME", "NGINX_TLS", "WEB_CORS_LOGIN"]
    (told_of_port,) = errors({"CONFIG_omero_web_application__server_port": "http"})
    assert told_of_port.startswith("omero.web.application_server.port: ")


def test_a_certificate_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    paths = {"CERTIFICATE": tmp_path / "none.pem", "KEY": tmp_path / "none.key"}
    (told,) = errors({f"NGINX_TLS_{name}": str(path) for name, path in paths.items()})
    assert f"{paths['CERTIFICATE']} cannot be read by uid" in told
    for path in paths.values():
        path.write_text("not PEM")
    told_of_both = errors({f"NGINX_TLS_{name}": str(path) for name, path in paths.items()})
    assert all(each.startswith("NGINX_TLS: ") for each in told_of_both)
    assert "must be a certificate in PEM form" in told_of_both[0]


def test_ports_that_are_the_same_are_an_error() -> None:
    (told,) = errors({"NGINX_TLS": "self-signed", "NGINX_HTTP_PORT": "443"})
    assert told.startswith("NGINX_HTTPS_PORT: port 443 is that of nginx_http_port, too")


def test_the_pages_are_where_a_host_has_them() -> None:
    written = files({"NGINX_MAINTENANCE_PAGE_CONTACT": "help@example.org"})
    assert "help@example.org" in written[f"{PAGES}/maintenance.html"]
    assert {f"{PAGES}/planned.json", f"{PAGES}/too-large.html"} <= written.keys()


def test_a_robots_txt_goes_with_the_setting() -> None:
    found, _findings = container.site({"NGINX_ROBOTS": "false"}, {})
    target = Target(found, found.members["@local"], Survey())
    assert Absent(f"{PAGES}/robots.txt") in container.items(target, CONTAINER)
    assert f"{PAGES}/robots.txt" in files({"NGINX_ROBOTS": "true"})


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 127.0.0.11\noptions ndots:0\n", ("127.0.0.11",)),
        ("# a\nsearch x.y\nnameserver 10.0.0.1\nnameserver fd00::1\n", ("10.0.0.1", "fd00::1")),
        ("nameserver fe80::1%eth0\nnameserver 10.0.0.1\n", ("10.0.0.1",)),
        ("nameserver\nnameserverless 1.2.3.4\n", ()),
    ],
)
def test_name_servers_are_those_of_resolv_conf(text: str, servers: tuple[str, ...]) -> None:
    assert container.name_servers(text) == servers


@given(st.sampled_from(container.VARIABLES), st.text(max_size=30))
def test_any_value_gives_a_site_or_errors_that_name_the_variable(name: str, value: str) -> None:
    found, findings = container.site({name: value}, {})
    if not findings:
        target = Target(found, found.members["@local"], Survey(id="debian", version="12"))
        assert parse(site_config.content(target, CONTAINER))
    assert all(each.subject.startswith("NGINX_") for each in findings)


@pytest.mark.parametrize(
    ("given", "configured"),
    [
        ("10.0.0.53, fd00::53", "10.0.0.53 [fd00::53]"),
        ("[FD00::0:53]", "[fd00::53]"),
        (None, "[fd00::1]"),
        ("fd00::zz", None),
        ("name.example", None),
        ("fe80::1%eth0", None),
    ],
)
def test_a_name_server_has_an_address_of_ipv4_or_ipv6(
    given: str | None, configured: str | None
) -> None:
    known, findings = container.resolvers(given, "nameserver fd00::1\nnameserver 10.0.0.1\n")
    assert [each.subject for each in findings] == ([] if configured else ["NGINX_RESOLVER"])
    if configured:
        found, _ = container.site({}, {})
        target = Target(found, found.members["@local"], Survey(id="debian", version="12"))
        text = site_config.content(target, site_config.Container("web", known))
        assert f"resolver {configured} valid=1s" in text


def test_a_container_gets_no_certificate_by_itself() -> None:
    acme = '{"acme": {"email": "a@example.org"}}'
    variables = {"NGINX_TLS": acme, "NGINX_SERVER_NAME": "images.example.org"}
    (mistake,) = container.site(variables, {})[1]
    assert mistake.subject == "NGINX_TLS"
    assert "set NGINX_TLS_CERTIFICATE and NGINX_TLS_KEY" in mistake.message
