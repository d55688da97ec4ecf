"""OMERO.web's cookies, origins and names follow from NGINX's variables as on a host."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.container import front_settings
from omeroweb_ops.container.variable_reader import VariableReader
from omeroweb_ops.shared import front_door
from omeroweb_ops.shared.front_door import FrontDoor

from roles.inventory import settings as inventory
from tests.unit.helpers import a_host, site_of

NAMES = ("omero.example.org", "Images.example.org", "*.example.org", ".example.org", "_", "a.*")


def read(**variables: str) -> tuple[FrontDoor, list[str]]:
    reader = VariableReader(variables)
    return front_settings.read(reader), [str(each) for each in reader.findings]


def as_variable(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "nginx_server_name": st.lists(st.sampled_from(NAMES), min_size=1).map(" ".join),
            "nginx_tls": st.sampled_from(["off", "self-signed"]),
            "nginx_https_port": st.integers(1024, 65535) | st.just(443),
            "nginx_behind_proxy": st.sampled_from(
                [["10.0.0.5"], {"addresses": ["10.1.0.0/16", "fd00::5"], "tls": False}]
            ),
        },
    )
)
def test_what_follows_is_what_follows_on_a_host(data: dict[str, Any]) -> None:
    door, findings = read(**{name.upper(): as_variable(value) for name, value in data.items()})
    site = site_of(a_host(**data))
    assert findings == []
    assert (door.tls, front_door.origins([door]), front_door.allowed_hosts([door])) == (
        site.tls,
        site.origins,
        site.allowed_hosts,
    )


def test_without_a_variable_visitors_use_http_and_any_name() -> None:
    for variables in ({}, dict.fromkeys(front_settings.NAMES, "")):
        door, findings = read(**variables)
        assert (door, findings) == (FrontDoor(), [])
        assert not door.tls
        assert front_door.allowed_hosts([door]) == ()


def test_files_of_a_certificate_and_words_are_understood() -> None:
    tls = '{"certificate": "/run/tls/site.pem", "key": "/run/tls/site.key"}'
    assert read(NGINX_TLS=tls)[0].tls
    assert read(NGINX_BEHIND_PROXY="10.0.0.5, 10.1.0.0/16") == (FrontDoor(proxy_tls=True), [])


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("NGINX_TLS", "on"),
        ("NGINX_TLS", "{"),
        ("NGINX_TLS", "[]"),
        ("NGINX_TLS", '{"certificate": "site.pem"}'),
        ("NGINX_TLS", '{"certificate": 1, "key": "site.key"}'),
        ("NGINX_SERVER_NAME", "https://omero.example.org"),
        ("NGINX_HTTPS_PORT", "0"),
        ("NGINX_HTTPS_PORT", "65536"),
        ("NGINX_HTTPS_PORT", "tcp://10.0.0.1:443"),
        ("NGINX_HTTPS_PORT", "9" * 5000),
        ("NGINX_BEHIND_PROXY", "proxy.example.org"),
        ("NGINX_BEHIND_PROXY", "[1]"),
        ("NGINX_BEHIND_PROXY", "{}"),
        ("NGINX_BEHIND_PROXY", '{"addresses": []}'),
        ("NGINX_BEHIND_PROXY", '{"addresses": ["10.0.0.300"]}'),
        ("NGINX_BEHIND_PROXY", '{"addresses": ["10.0.0.5"], "tls": "yes"}'),
        ("NGINX_BEHIND_PROXY", '{"addresses": ["10.0.0.5"], "tsl": true}'),
    ],
)
def test_a_wrong_value_is_refused_once_with_what_to_write(variable: str, text: str) -> None:
    _, findings = read(**{variable: text})
    (told,) = findings
    assert told.startswith(f"{variable}: ")
    assert len(told) < 400 or len(text) > 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nginx_server_name", "https://omero.example.org"),
        ("nginx_behind_proxy", ["proxy.example.org"]),
    ],
)
def test_the_reason_is_the_inventory_s(name: str, value: Any) -> None:
    (told,) = inventory.read({name: value})[1]
    (own,) = read(**{name.upper(): as_variable(value)})[1]
    reason = own.removeprefix(f"{name.upper()}: ").partition(";")[0]
    assert reason in told.message
