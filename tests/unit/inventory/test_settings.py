"""The settings of one host: what is wrong is told with what to write instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from roles.inventory.settings import Certificate, Proxies, Settings, read
from tests.unit.helpers import a_host, mistakes_of


def mistakes(**data: Any) -> dict[str, str]:
    """Each mistake by the name of its setting, without what tells where in it."""
    _settings, findings = read(data)
    return {finding.subject: finding.message for finding in findings}


def mistake(**data: Any) -> str:
    _settings, (finding,) = read(data)
    return str(finding)


def accepted(**data: Any) -> Settings:
    settings, findings = read(data)
    assert findings == []
    return settings


@pytest.fixture
def pem(tmp_path: Path) -> str:
    path = tmp_path / "site.pem"
    path.write_text("PEM\n")
    return str(path)


def test_a_host_without_settings_is_complete() -> None:
    settings = accepted()
    assert (settings.nginx_http_port, settings.nginx_tls, settings.redis_is_local) == (
        80,
        "off",
        True,
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("web_confg", "web_config"),
        ("nginx_port", "nginx_http_port"),
        ("web_config_apend", "web_config_append"),
    ],
)
def test_an_unknown_setting_is_answered_with_the_nearest_name(written: str, meant: str) -> None:
    said = mistakes(**{written: 1})[written]
    assert said == f"there is no such setting; did you mean {meant}?"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("web_debug", 'web_config = {"omero.web.debug": …}'),
        ("web_ui_top_links", 'web_config = {"omero.web.ui.top_links": …}'),
        ("omero_web_login_logo", 'web_config = {"omero.web.login_logo": …}'),
        ("omero_web_config_set", "the setting is web_config"),
        ("omero_web_apps_packages", "the setting is web_plugins"),
    ],
)
def test_what_other_tools_call_so_is_told_by_its_name_here(name: str, instead: str) -> None:
    assert mistakes(**{name: True})[name].endswith(instead)


def test_a_setting_like_no_other_is_answered_with_all_names() -> None:
    message = mistake(zzz=1)
    assert all(name in message for name in Settings.model_fields)


def test_a_property_among_the_settings_is_answered_with_where_it_belongs() -> None:
    assert 'set web_config = {"omero.web.prefix": …}' in mistake(**{"omero.web.prefix": "/omero"})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"nginx_http_port": "80"}, ["'80'", "must be a TCP port number, for example 80"]),
        ({"nginx_http_port": 0}, ["0 ", "must be a TCP port number"]),
        ({"nginx_https_port": 65536}, ["65536", "must be a TCP port number"]),
        ({"redis_port": True}, ["True", "must be a TCP port number"]),
        ({"redis_port": 6379.0}, ["6379.0", "must be a TCP port number"]),
        ({"web_config": []}, ["must be {property: value}"]),
        ({"web_config": "omero.web.debug"}, ["must be {property: value}"]),
        (
            {"web_config_append": {"omero.web.apps": "figure"}},
            ["omero.web.apps", '["omero_figure"]'],
        ),
        ({"web_config_remove": ["Help"]}, ["must be {property: [items]}"]),
        ({"web_sessions": "memcached"}, ["memcached", 'must be "redis" or "file"']),
        (
            {"nginx_tls": "on"},
            ["'on'", '"self-signed", {"acme": {"email": '],
        ),
        (
            {"nginx_tls": True},
            ["True", '"self-signed", {"acme": {"email": '],
        ),
        ({"nginx_server_name": "https://omero.example"}, ["no", "omero.example.org"]),
        ({"nginx_server_name": "a; return 200"}, ["omero.example.org"]),
        ({"nginx_server_name": ""}, ["omero.example.org"]),
        ({"redis_bind": "localhost"}, ["localhost", '"127.0.0.1 10.0.0.5"']),
        ({"redis_bind": " "}, ["empty", '"127.0.0.1 10.0.0.5"']),
        ({"redis_maxmemory": "lots"}, ["must be an amount of memory"]),
        ({"redis_maxmemory": "1mb\nrequirepass x"}, ["must be an amount of memory"]),
        ({"redis_maxmemory": "1"}, ["1 is less than 16mb"]),
        ({"redis_maxmemory": "16383kb"}, ["16383kb is less than 16mb"]),
        ({"redis_maxmemory": "9999999999gb"}, ["more than Redis can count", "must be an amount"]),
        ({"redis_password": "x"}, ["web_secrets", "`redis_password: …`"]),
        ({"nginx_omero_ws": "omero.example.org:4066"}, ["is not ws://host:port", "wss://omero"]),
        ({"nginx_omero_ws": "https://omero.example.org"}, ["is not ws://host:port or wss://"]),
        ({"nginx_omero_ws": "wss://omero.example.org/omero-ws"}, ["is not ws://host:port"]),
        ({"nginx_omero_ws": "wss://me@omero.example.org"}, ["is not ws://host:port or wss://"]),
        ({"nginx_omero_ws": "wss://omero.example.org:0"}, ["0 is not a port from 1 to 65535"]),
        ({"nginx_omero_ws": "ws://a;b"}, ["is not ws://host:port or wss://host:port"]),
        ({"web_redis_url": "redis://r.example.org:99999"}, ["99999 is not a port", "1 to 65535"]),
        ({"web_redis_url": "rediss://r.example.org:0/"}, ["0 is not a port", "1 to 65535"]),
        ({"web_redis_url": "redis.example.org"}, ["is not redis://", "rediss://redis.example.org"]),
        ({"web_redis_url": "unix:///run/redis.sock"}, ["is not redis://"]),
        ({"web_redis_url": "redis://r.example.org:6379/3"}, ["two, 0 and 1"]),
        ({"web_redis_url": "redis://r/?db=1"}, ["is not redis://"]),
        ({"address": "two words"}, ["an IP address or a host name"]),
        ({"web_ice_wheel": "http://a/b.whl"}, ["digest", "#sha256="]),
        ({"web_ice_wheel": "ice.tar.gz"}, ["wheel"]),
    ],
)
def test_a_wrong_value_is_answered_with_what_to_write(
    data: dict[str, Any], told: list[str]
) -> None:
    message = mistake(**data)
    assert message.startswith(next(iter(data)))
    assert all(text in message for text in told)


@pytest.mark.parametrize(
    "data",
    [
        {"redis_maxmemory": "512mb"},
        {"redis_maxmemory": "1GB"},
        {"redis_maxmemory": "16mb"},
        {"redis_maxmemory": "8589934591gb"},
        {"web_redis_url": "redis://r.example.org:65535"},
        {"web_redis_url": "redis://redis.example.org"},
        {"web_redis_url": "rediss://[fd00::5]:6380/"},
        {"redis_bind": "127.0.0.1 -::1"},
        {"nginx_server_name": "omero.example.org *.example.org"},
        {"address": "fd00::5"},
        {"address": "web-1.example.org"},
        {"web_ice_wheel": "https://a.example/b.whl#sha256=" + "0" * 64},
        {"web_config": {"omero.web.server_list": [["a.example", 4064, "A"]]}},
        {"web_config_append": {"omero.web.ui.top_links": [["Figure", "figure_index"]]}},
    ],
)
def test_right_values_are_taken(data: dict[str, Any]) -> None:
    accepted(**data)


@pytest.mark.parametrize("login", [":hunter2", "me:hunter2", "hunter2"])
def test_a_password_in_a_url_is_refused_and_not_repeated(login: str) -> None:
    message = mistake(web_redis_url=f"rediss://{login}@redis.example.org:6379")
    assert "redis_password" in message
    assert "web_secrets" in message
    assert "hunter2" not in message


def test_python_s_tuples_in_properties_are_as_good_as_lists() -> None:
    accepted(web_config={"omero.web.server_list": [("a.example", 4064, "A")]})


def test_all_mistakes_are_found_at_once_and_what_is_right_is_kept() -> None:
    settings, findings = read(
        {
            "web_confg": {},
            "nginx_http_port": "80",
            "redis_bind": "localhost",
            "web_secrets": "/no/such/file",
            "nginx_server_name": "omero.example.org",
        }
    )
    assert {finding.subject for finding in findings} == {
        "web_confg",
        "nginx_http_port",
        "redis_bind",
        "web_secrets",
    }
    assert settings.nginx_server_name == "omero.example.org"


@pytest.mark.parametrize("name", ["web_secrets", "web_requirements"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    assert f"there is no file {tmp_path}/gone.yml" in mistake(**{name: f"{tmp_path}/gone.yml"})


@pytest.mark.parametrize("name", ["web_secrets", "web_requirements"])
def test_a_folder_is_no_file(name: str, tmp_path: Path) -> None:
    assert f"there is no file {tmp_path}" in mistake(**{name: str(tmp_path)})


def test_a_file_that_may_not_be_read_is_named(pem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    assert f"{pem} cannot be read (Permission denied)" in mistake(web_secrets=pem)


def test_the_home_of_a_user_who_does_not_exist_is_a_mistake_like_others() -> None:
    assert "must be the path of a YAML file" in mistake(web_secrets="~nobody-here/secrets.yml")


def test_a_relative_path_is_kept_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets.yml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert accepted(web_secrets="secrets.yml").web_secrets == str(tmp_path / "secrets.yml")


def test_a_certificate_is_two_files(pem: str) -> None:
    settings = accepted(nginx_tls={"certificate": pem, "key": pem})
    assert settings.nginx_tls == Certificate(certificate=pem, key=pem)
    message = mistake(nginx_tls={"certificate": pem})
    assert message.startswith("nginx_tls")
    assert '{"certificate": "site.pem", "key": "site.key"}' in message


def test_a_missing_certificate_is_named(pem: str) -> None:
    message = mistake(nginx_tls={"certificate": "gone.pem", "key": pem})
    assert message.startswith("nginx_tls")
    assert f"certificate: there is no file {Path.cwd()}/gone.pem" in message
    assert "key: " not in message.split("; must be ")[0]


def test_a_missing_certificate_and_a_missing_key_are_both_named() -> None:
    told = " ".join(mistakes(nginx_tls={"certificate": "gone.pem", "key": "gone.key"}).values())
    assert "gone.pem" in told
    assert "gone.key" in told


def test_an_absolute_path_may_be_one_of_the_host() -> None:
    live = "/etc/letsencrypt/live/omero.example"
    accepted(nginx_tls={"certificate": f"{live}/fullchain.pem", "key": f"{live}/privkey.pem"})


def test_proxies_in_front_are_addresses_with_tls_or_without() -> None:
    listed = accepted(nginx_behind_proxy=["10.0.0.5", "fd00::/8"]).nginx_behind_proxy
    assert listed == Proxies(addresses=["10.0.0.5/32", "fd00::/8"], tls=True)
    plain = accepted(nginx_behind_proxy={"addresses": ["10.0.0.5"], "tls": False})
    assert plain.nginx_behind_proxy == Proxies(addresses=["10.0.0.5/32"], tls=False)
    assert accepted().nginx_behind_proxy is None


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"nginx_behind_proxy": ["proxy.example"]}, "'proxy.example' is not an IP address"),
        ({"nginx_behind_proxy": []}, "nginx_behind_proxy"),
        ({"nginx_behind_proxy": {"tls": True}}, "addresses is missing"),
        ({"nginx_behind_proxy": "10.0.0.5"}, '{"addresses": ["10.0.0.5", "10.1.0.0/16"]'),
        ({"nginx_metrics_allow": ["monitor"]}, "'monitor' is not an IP address"),
        ({"nginx_metrics_allow": "10.0.0.7"}, '["10.0.0.7"]'),
        ({"nginx_max_body_size": "4 GB"}, 'for example "500m"'),
        ({"nginx_hsts": "yes"}, "or False"),
    ],
)
def test_what_no_front_door_can_use_is_told(data: dict[str, Any], told: str) -> None:
    assert told in mistake(**data)


@pytest.mark.parametrize(
    ("bind", "local"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1 ::1", True),
        ("127.0.0.1 -::1", True),
        ("0.0.0.0", False),
        ("127.0.0.1 10.0.0.5", False),
        ("::", False),
    ],
)
def test_only_loopback_is_local(bind: str, local: bool) -> None:
    assert accepted(redis_bind=bind).redis_is_local is local


def test_a_certificate_without_its_key_is_told_what_is_missing(pem: str) -> None:
    assert "key is missing" in mistake(nginx_tls={"certificate": pem})
    assert "chain is not known" in mistake(nginx_tls={"certificate": pem, "key": pem, "chain": pem})


def test_a_whole_web_config_is_not_told_for_one_mistake_in_it() -> None:
    """It may hold a password, though it should not."""
    properties = {"omero.web.secret_key": "hunter2" * 5, "omero.web.apps": {1, 2}}
    (message,) = mistakes_of(a_host(web_config=properties))
    assert "omero.web.apps" in message
    assert "hunter2" not in message


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(ValueError, match="frozen"):
        accepted().redis_port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"nginx_behind_proxy": "x"}, "dictionary"),
        ({"nginx_maintenance_page": 3}, "dictionary"),
        ({"web_branding": 3}, "dictionary"),
        ({"web_config": 3}, "dictionary"),
        ({"web_plugins": 3}, "list"),
        ({"web_config_append": {"omero.web.apps": 3}}, "list"),
    ],
)
def test_no_class_of_the_code_is_named(data: dict[str, Any], expected: str) -> None:
    said = mistake(**data)
    assert re.search(rf"\(input should be a (valid )?{expected}\)", said)
    assert not re.search(r"instance|Proxies|MaintenancePage|BrandingFiles|Sequence|Mapping", said)


@pytest.mark.parametrize("name", ["web_liveness", "web_graceful_timeout"])
def test_a_number_of_seconds_is_asked_for_as_one(name: str) -> None:
    assert "; must be a number of seconds, for example 3" in mistake(**{name: "x"})
