"""IPv6 in every setting that takes an address, and in what follows from them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.property_names import CACHES, HOST, SERVER_LIST

from roles.inventory.settings import Settings, read
from roles.inventory.site import Site
from roles.nginx import site_config, tls
from roles.preflight import host_checks
from roles.target import Target, urls
from roles.target.closed_ports import closed_ports
from tests.unit.helpers import PASSWORD, SURVEY, a_host, mistakes_of, properties_of, site_of

HELD: dict[str, list[tuple[Any, Any]]] = {
    "address": [("fd00::12", "fd00::12"), ("[FD00:0::12]", "fd00::12")],
    "redis_bind": [("fd00::14", "fd00::14"), ("10.0.0.4 -[::1]", "10.0.0.4 -::1")],
    "redis_allow": [(["fd00::7", "[fd00::8]"], ["fd00::7/128", "fd00::8/128"])],
    "nginx_metrics_allow": [(["fd00::/16"], ["fd00::/16"])],
    "nginx_maintenance_allow": [(["FD00::0:5"], ["fd00::5/128"])],
    "nginx_server_name": [("[FD00:0::13] web.example", "[fd00::13] web.example")],
    "web_redis_url": [("rediss://[fd00::14]:6380", "rediss://[fd00::14]:6380")],
    "nginx_omero_ws": [("ws://[fd00::5]", "ws://[fd00::5]:4065")],
    "web_cors_origins": [(["https://[fd00::9]:8443"], ["https://[fd00::9]:8443"])],
}
REFUSED: dict[str, list[Any]] = {
    "address": ["fe80::1%eth0", "web1:22", "fd00::zz", "[fd00::12", "fd00::12/64"],
    "redis_bind": ["fd00::zz", "[fd00::1]:6379"],
    "redis_allow": [["fe80::1%eth0"], ["[fd00::8]:1"]],
    "nginx_metrics_allow": [["fd00::/129"]],
    "nginx_maintenance_allow": [["fd00::5%eth0"]],
    "nginx_server_name": ["[fd00::zz]", "fd00::13/64", "[fe80::1%eth0]"],
    "web_redis_url": ["redis://fd00::14:6379", "redis://[1:2]:6379"],
    "nginx_omero_ws": ["ws://fd00::5:4065", "wss://[1:2]"],
    "web_cors_origins": [["https://fd00::9"]],
}


@pytest.mark.parametrize(
    ("name", "written", "known"),
    [(name, *pair) for name, pairs in HELD.items() for pair in pairs],
)
def test_every_setting_with_an_address_takes_an_ipv6_address(
    name: str, written: Any, known: Any
) -> None:
    settings, findings = read({name: written})
    assert not findings
    found = getattr(settings, name)
    assert (list(found) if isinstance(known, list) else found) == known


def test_proxies_in_front_may_have_ipv6_addresses() -> None:
    settings, findings = read({"nginx_behind_proxy": ["fd00::5", "[fd00::6]"]})
    assert not findings and settings.nginx_behind_proxy
    assert list(settings.nginx_behind_proxy.addresses) == ["fd00::5/128", "fd00::6/128"]


@pytest.mark.parametrize(
    ("name", "written"), [(name, each) for name, values in REFUSED.items() for each in values]
)
def test_what_is_no_address_is_refused_with_its_setting(name: str, written: Any) -> None:
    _settings, findings = read({name: written})
    assert [each.subject for each in findings] == [name]


def test_no_setting_with_an_address_is_left_out() -> None:
    words = ("address", "bind", "allow", "server_name", "url", "origins", "_ws")
    known = {name for name in Settings.model_fields if name.endswith(words)}
    assert known == {*HELD} == {*REFUSED}


@pytest.fixture
def secrets(tmp_path: Path) -> str:
    path = tmp_path / "secrets.yml"
    path.write_text(f"redis_password: {PASSWORD}\n")
    path.chmod(0o600)
    return str(path)


def hosts(web: str = "fd00::12", **data: Any) -> list[Any]:
    return [
        a_host("redis", "redis", reached_as="fd00::14", redis_bind="fd00::14"),
        a_host("web", "web", reached_as=web, **data),
        a_host("nginx", "nginx", reached_as="fd00::13"),
    ]


def seen(site: Site, name: str, **addresses: tuple[str, ...]) -> Target:
    known = {"fd00::12": ("fd00::12",), "fd00::13": ("fd00::13",), **addresses}
    return Target(site, site.members[name], replace(SURVEY, nft=True, ip="", addresses=known))


def test_hosts_without_ipv4_reach_each_other(secrets: str) -> None:
    site = site_of(*hosts(web_secrets=secrets))
    texts = properties_of(site, "web")
    assert texts[HOST] == "::"
    caches = json.loads(texts[CACHES])
    assert caches["sessions"]["LOCATION"] == "redis://[fd00::14]:6379/1"
    nginx = seen(site, "nginx")
    assert "server [fd00::12]:4080 " in site_config.content(nginx)
    assert urls.public_url(nginx) == "http://[fd00::13]/"
    assert tls.names(nginx.member, nginx.survey) == ("fd00::13",)
    (web,), (redis,) = closed_ports(seen(site, "web")), closed_ports(seen(site, "redis"))
    assert (web.ipv4, web.ipv6) == ((), ("fd00::13",))
    assert (redis.ipv4, redis.ipv6) == ((), ("fd00::12",))


def test_hosts_with_ipv4_listen_as_before() -> None:
    for address in ("10.0.0.2", "web.example"):
        site = site_of(
            a_host("web", "web", reached_as=address), a_host("nginx", "nginx", reached_as="n")
        )
        assert properties_of(site, "web")[HOST] == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("::1", "set ::"),
        ("[::1]", "set ::"),
        ("localhost", "set ::"),
        ("127.0.0.1", "set ::"),
        ("0.0.0.0", "takes no IPv6 connections"),
        ("10.0.0.2", "takes no IPv6 connections"),
        ("::", None),
        ("[::]", None),
        ("fd00::12", None),
        ("web", None),  # only the host knows
    ],
)
def test_an_address_that_nginx_cannot_reach_is_refused(
    host: str, advice: str | None, secrets: str
) -> None:
    found = mistakes_of(*hosts(web_secrets=secrets, web_config={HOST: host}))
    assert len(found) == (advice is not None)
    assert all(f"web: {HOST}" in each and str(advice) in each for each in found)


@pytest.mark.parametrize(
    ("resolved", "host", "problem"),
    [
        (("fd00::12",), None, "set :: for web"),
        (("fd00::12",), "::", ""),
        (("10.0.0.2", "fd00::12"), None, ""),
        ((), None, "cannot be resolved"),
    ],
)
def test_a_name_that_nginx_resolves_to_ipv6_alone_is_refused_before_a_change(
    resolved: tuple[str, ...], host: str | None, problem: str, secrets: str
) -> None:
    config = {HOST: host} if host else {}
    site = site_of(*hosts("web.example", web_secrets=secrets, web_config=config))
    known = {"web.example": resolved} if resolved else {}
    found = [str(each) for each in host_checks.errors(seen(site, "nginx", **known))]
    assert len(found) == bool(problem)
    assert all(problem in each for each in found)


@pytest.mark.parametrize("host", ["fd00::zz", "fe80::1%eth0", "[::1]:4080", "a b"])
def test_a_host_to_listen_on_is_an_address_or_a_name(host: str) -> None:
    (found,) = mistakes_of(a_host(web_config={HOST: host}))
    assert HOST in found and "Example: ::1" in found


@pytest.mark.parametrize(
    ("server", "fine"),
    [
        ("fd00::5", False),
        ("[fd00::5]", False),
        ('"fd00::5"', True),
        ("wss://[fd00::5]/omero-ws", True),
        ("omero", True),
    ],
)
def test_an_omero_server_s_ipv6_address_is_written_as_ice_takes_it(server: str, fine: bool) -> None:
    found = mistakes_of(a_host(web_config={SERVER_LIST: [[server, 4064, "omero"]]}))
    assert [SERVER_LIST in each and '"\\"fd00::5\\""' in each for each in found] == (
        [] if fine else [True]
    )


def test_a_site_may_be_visited_by_its_ipv6_address() -> None:
    site = site_of(a_host(nginx_server_name="[FD00::0:13]", nginx_tls="self-signed"))
    target = seen(site, "@local")
    assert "server_name [fd00::13];" in site_config.content(target)
    assert urls.public_url(target) == "https://[fd00::13]/"
    assert site.origins == ("https://[fd00::13]",)
    assert "[fd00::13]" in site.allowed_hosts
    assert tls.names(target.member, target.survey) == ("fd00::13",)
    assert "subjectAltName=IP:fd00::13" in tls.self_signed(tls.names(target.member, target.survey))
