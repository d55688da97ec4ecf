from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.inventory import environment
from roles.inventory.settings import Settings, read

FIELDS = tuple(name for name in Settings.model_fields if name.startswith("nginx_"))
NUMBERS = ("nginx_http_port", "nginx_https_port", "nginx_max_connections")


def settings(**variables: str) -> dict[str, Any]:
    found, findings = environment.settings(variables, FIELDS)
    assert findings == []
    return {name: getattr(found, name) for name in found.model_fields_set}


def errors(**variables: str) -> list[str]:
    return [str(each) for each in environment.settings(variables, FIELDS)[1]]


def inventory(**data: Any) -> dict[str, Any]:
    found, findings = read(data)
    assert findings == []
    return {name: getattr(found, name) for name in data}


@pytest.mark.parametrize(
    ("variables", "data"),
    [
        (
            {"NGINX_SERVER_NAME": "a.example b.example"},
            {"nginx_server_name": "a.example b.example"},
        ),
        ({"NGINX_TLS": "self-signed"}, {"nginx_tls": "self-signed"}),
        ({"NGINX_HSTS": "False"}, {"nginx_hsts": False}),
        ({"NGINX_HSTS": "true"}, {"nginx_hsts": True}),
        ({"NGINX_MAX_BODY_SIZE": "0"}, {"nginx_max_body_size": "0"}),  # text that is a number
        ({"NGINX_MAX_CONNECTIONS": "0"}, {"nginx_max_connections": 0}),
        ({"NGINX_METRICS_ALLOW": "10.0.0.7"}, {"nginx_metrics_allow": ["10.0.0.7"]}),
        (
            {"NGINX_MAINTENANCE_ALLOW": "10.1.0.0/16, fd00::5"},
            {"nginx_maintenance_allow": ["10.1.0.0/16", "fd00::5"]},
        ),
        ({"NGINX_BEHIND_PROXY": "10.0.0.5"}, {"nginx_behind_proxy": ["10.0.0.5"]}),
        (  # as the messages show it
            {"NGINX_BEHIND_PROXY": '{"addresses": ["10.0.0.5"], "tls": False}'},
            {"nginx_behind_proxy": {"addresses": ["10.0.0.5"], "tls": False}},
        ),
        (
            {"NGINX_BEHIND_PROXY_ADDRESSES": "10.0.0.5", "NGINX_BEHIND_PROXY_TLS": "false"},
            {"nginx_behind_proxy": {"addresses": ["10.0.0.5"], "tls": False}},
        ),
        (
            {"NGINX_TLS_CERTIFICATE": "/certs/site.pem", "NGINX_TLS_KEY": "/certs/site.key"},
            {"nginx_tls": {"certificate": "/certs/site.pem", "key": "/certs/site.key"}},
        ),
        ({"NGINX_PUBLIC_CACHE": "true"}, {"nginx_public_cache": True}),
        ({"NGINX_PUBLIC_CACHE_TIME": "5m"}, {"nginx_public_cache": {"time": "5m"}}),
    ],
)
def test_a_variable_means_what_the_setting_means(
    variables: dict[str, str], data: dict[str, Any]
) -> None:
    assert settings(**variables) == inventory(**data)


@given(st.sampled_from(NUMBERS), st.integers(1, 65535))
def test_a_number_is_a_number(name: str, number: int) -> None:
    assert settings(**{name.upper(): f" {number}\n"}) == {name: number}


NETWORKS = st.lists(st.ip_addresses().map(str), min_size=1, max_size=5, unique=True)


@given(NETWORKS, st.sampled_from([" ", ",", ", ", "json"]))
def test_a_list_is_words_or_json(networks: list[str], between: str) -> None:
    text = json.dumps(networks) if between == "json" else between.join(networks)
    expected = inventory(nginx_metrics_allow=networks)
    assert settings(NGINX_METRICS_ALLOW=text) == expected


@given(st.sampled_from(sorted(environment.names(FIELDS))), st.text(string.printable, max_size=30))
def test_any_text_gives_a_setting_or_errors_that_name_the_variable(name: str, text: str) -> None:
    _found, findings = environment.settings({name: text}, FIELDS)
    setting = environment.names(FIELDS)[name][0].upper()
    assert all(each.subject == setting and "must be" in each.message for each in findings)


def test_every_mistake_is_reported_in_the_words_of_the_inventory() -> None:
    told = errors(
        NGINX_TLS="on", NGINX_HTTP_PORT="70000", NGINX_METRICS_ALLOW="x y", NGINX_HSTS="maybe"
    )
    _settings, expected = read(
        {"nginx_tls": "on", "nginx_http_port": 70000, "nginx_metrics_allow": ["x", "y"]}
    )
    assert {each.message for each in expected} <= {each.partition(": ")[2] for each in told}
    assert {each.partition(":")[0] for each in told} == {
        *("NGINX_TLS", "NGINX_HTTP_PORT", "NGINX_METRICS_ALLOW", "NGINX_HSTS")
    }


def test_a_setting_and_a_part_of_it_contradict_each_other() -> None:
    (told,) = errors(NGINX_TLS="off", NGINX_TLS_KEY="/certs/site.key")
    assert told == "NGINX_TLS_KEY: contradicts NGINX_TLS; set only one of them"


def test_an_empty_variable_is_unset() -> None:
    assert settings(NGINX_SERVER_NAME="", NGINX_TLS="", NGINX_TLS_KEY=" ") == {}


def test_a_variable_of_a_setting_that_does_not_count_is_not_looked_at() -> None:
    assert environment.settings({"REDIS_MAXMEMORY": "lots", "NGINX": "x"}, FIELDS)[1] == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NGINX_SERVERNAME", "did you mean NGINX_SERVER_NAME?"),
        ("NGINX_QQQQQQ", "possible: "),
        ("NGINX_TLS", None),
        ("NGINX_PORT", None),  # as Kubernetes names the ports of a service
        ("NGINX_PORT_8080_TCP_ADDR", None),
        ("NGINX_SERVICE_HOST", None),
        ("NGINX_SERVICE_PORT_HTTP", None),
        ("REDIS_X", None),
    ],
)
def test_an_unknown_variable_is_an_error(name: str, told: str | None) -> None:
    found = environment.unknown({name: "value"}, "NGINX_", [*environment.names(FIELDS)])
    messages = [str(each) for each in found]
    assert len(messages) == (told is not None)
    assert all(told and told in each and each.startswith(f"{name}: ") for each in messages)
