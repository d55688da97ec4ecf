"""What shows only when the hosts are seen together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roles.inventory import checks
from roles.inventory.plugins import APP
from tests.unit.helpers import GROUPS, KEY, PASSWORD, a_host, mistakes_of, site_lock, site_of

CACHE = "django.contrib.sessions.backends.cache"
FILE = "django.contrib.sessions.backends.file"
KEYS = {"omero.web.secret_key": KEY}


@pytest.fixture
def secrets(tmp_path: Path) -> str:
    path = tmp_path / "secrets.yml"
    path.write_text(f"redis_password: {PASSWORD}\nomero.web.secret_key: {KEY}\n")
    return str(path)


def only_mistake_of(*hosts: Any) -> str:
    (message,) = mistakes_of(*hosts)
    return message


def test_the_default_site_has_no_mistake() -> None:
    servers = [["localhost", 4064, "omero"]]
    assert mistakes_of(a_host(web_config={"omero.web.server_list": servers})) == []


def test_mistakes_of_all_hosts_and_of_all_kinds_are_told_at_once() -> None:
    found = mistakes_of(
        a_host("a.example", "redis", reached_as="a.example", redis_prot=6379),
        a_host(
            "b.example",
            "web",
            reached_as="b.example",
            web_config={"omero.web.page_size": "many", "omero.web.debgu": True},
        ),
        a_host("c.example", "nginx", reached_as="c.example", nginx_tls="on"),
        a_host("d.example", "ngnix", reached_as="d.example"),
    )
    assert {message.rsplit(";")[0].split(": ")[0] for message in found} == {
        "a.example",
        "b.example",
        "c.example",
        "d.example",
    }
    told = "\n".join(found)
    for part in ("redis_prot", "page_size", "debgu", "nginx_tls", "groups", "redis_bind"):
        assert part in told


@pytest.mark.parametrize(
    "opened", [{"redis_bind": "127.0.0.1 10.0.0.5"}, {"redis_bind": "127.0.0.1"}, {"redis_port": 1}]
)
def test_a_port_of_redis_needs_a_password(opened: dict[str, Any], secrets: str) -> None:
    """Every user of the host reaches one on loopback too."""
    message = only_mistake_of(a_host(**opened))
    ((name, value),) = opened.items()
    assert f"{name}: {value!r} opens Redis' port" in message
    assert "without a password; set redis_password" in message
    assert mistakes_of(a_host(**opened, web_secrets=secrets)) == []


@pytest.mark.parametrize(("name", "least"), [("redis_password", 16), ("omero.web.secret_key", 32)])
def test_a_secret_that_can_be_guessed_is_refused_by_its_length(
    name: str, least: int, tmp_path: Path
) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text(f"{name}: {'x' * (least - 1)}\n")
    message = only_mistake_of(a_host(web_secrets=str(path)))
    assert f"{name}: must have at least {least} characters, not {least - 1}" in message
    assert "xxx" not in message
    path.write_text(f"{name}: {'x' * least}\n")
    assert mistakes_of(a_host(web_secrets=str(path))) == []


def test_a_short_password_of_a_redis_run_by_others_is_warned_of(tmp_path: Path) -> None:
    """The site may not be the one who chooses it."""
    path = tmp_path / "secrets.yml"
    path.write_text("redis_password: short\n")
    url = {"web_redis_url": "rediss://r.example", "web_secrets": str(path)}
    site = site_of(a_host("@local", "web nginx", **url))
    (warning,) = [str(each) for each in checks.warnings(site)]
    assert "redis_password: must have at least 16 characters, not 5" in warning


def test_caches_at_a_port_that_is_closed_are_refused(secrets: str) -> None:
    """As a takeover's export has them."""
    for url in ("redis://127.0.0.1:6379/0", "redis://:pw@localhost:6379/1"):
        own = {"omero.web.caches": {"default": {"BACKEND": "x.RedisCache", "LOCATION": url}}}
        message = only_mistake_of(a_host(web_config=own))
        assert "omero.web.caches: uses a port of this host, but its Redis has none" in message
        assert "pw" not in message
        assert mistakes_of(a_host(web_config=own, redis_port=6379, web_secrets=secrets)) == []
        assert mistakes_of(a_host("@local", "web nginx", web_config=own)) == []


def test_who_else_reaches_redis_matters_to_an_open_port_alone(secrets: str) -> None:
    message = only_mistake_of(a_host(redis_allow=["10.0.0.7"]))
    assert "redis_allow: is for other hosts" in message
    bound = {"redis_bind": "10.0.0.1", "web_secrets": secrets}
    assert mistakes_of(a_host(redis_allow=["10.0.0.7"], **bound)) == []


def test_redis_on_another_host_must_not_be_bound_to_loopback(secrets: str) -> None:
    def hosts(**redis: Any) -> list[Any]:
        return [
            a_host("r.example", "redis", reached_as="10.0.0.5", web_secrets=secrets, **redis),
            a_host("w.example", "web nginx", reached_as="10.0.0.6"),
        ]

    message = only_mistake_of(*hosts())
    assert message.startswith("r.example: redis_bind: 'not set' is unreachable from w.example")
    assert mistakes_of(*hosts(redis_bind="10.0.0.5")) == []


def test_a_host_that_others_need_and_whose_name_is_no_address_must_have_one(secrets: str) -> None:
    def hosts(redis: dict[str, Any], web: dict[str, Any]) -> list[Any]:
        return [
            a_host("@docker/r", "redis", redis_bind="0.0.0.0", web_secrets=secrets, **redis),
            a_host("@docker/w", "web", **web),
            a_host("@docker/n", "nginx"),
        ]

    found = mistakes_of(*hosts({}, {}))
    assert [message.split("; ")[0] for message in found] == [
        "@docker/r: address: must be set: other hosts need it, and the name is not an address",
        "@docker/w: address: must be set: other hosts need it, and the name is not an address",
        # OMERO.web lets in none but NGINX
        "@docker/n: address: must be set: other hosts need it, and the name is not an address",
    ]
    known = hosts({"address": "10.0.0.5"}, {"address": "web.internal"})
    assert len(mistakes_of(*known)) == 1
    known[2][2]["address"] = "10.0.0.6"
    assert mistakes_of(*known) == []


def test_a_host_that_needs_nobody_else_needs_no_address() -> None:
    assert mistakes_of(a_host("@docker/one", GROUPS)) == []
    assert mistakes_of(a_host("@docker/one", "web nginx")) == []


@pytest.mark.parametrize(
    ("sessions", "engine", "contradiction"),
    [
        ("file", CACHE, True),
        ("redis", FILE, True),
        ("redis", "omeroweb.filesessionstore", True),
        ("file", FILE, False),
        ("redis", CACHE, False),
    ],
)
def test_two_settings_for_sessions_must_agree(
    sessions: str, engine: str, contradiction: bool
) -> None:
    host = a_host(web_sessions=sessions, web_config={"omero.web.session_engine": engine})
    if contradiction:
        message = only_mistake_of(host)
        assert f'web_sessions: "{sessions}" contradicts omero.web.session_engine' in message
        assert engine in message
    else:
        assert mistakes_of(host) == []


def test_redis_sessions_need_a_redis() -> None:
    message = only_mistake_of(a_host("@local", "web nginx", web_sessions="redis"))
    assert 'web_sessions: "redis" needs a host in the group redis' in message


@pytest.mark.parametrize(
    ("groups", "data", "secret", "name", "said"),
    [
        ("redis web nginx", {}, "", "web_redis_url", "contradicts the group redis"),
        ("web nginx", {"web_sessions": "file"}, "", "web_redis_url", "contradicts web_sessions"),
        ("web nginx", {"web_redis_url": None}, "redis_user: me", "redis_user", "web_redis_url"),
    ],
)
def test_one_redis_is_named_once(
    tmp_path: Path, groups: str, data: dict[str, Any], secret: str, name: str, said: str
) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text(secret + "\n")
    settings = {"web_redis_url": "redis://r.example", "web_secrets": str(path), **data}
    message = only_mistake_of(a_host("@local", groups, **settings))
    assert message.startswith(f"@local: {name}: ")
    assert said in message


def test_web_hosts_share_the_redis_that_others_run(secrets: str) -> None:
    def hosts(url: str) -> list[Any]:
        return [
            a_host("n.example", "nginx", reached_as="10.0.0.1", web_secrets=secrets),
            a_host("a.example", "web", reached_as="10.0.0.2", web_redis_url="redis://r.example"),
            a_host("b.example", "web", reached_as="10.0.0.3", web_redis_url=url),
        ]

    assert mistakes_of(*hosts("redis://r.example")) == []
    message = only_mistake_of(*hosts("redis://other.example"))
    assert "b.example: web_redis_url" in message
    assert "on a.example" in message


def test_a_property_both_set_and_appended_to_is_a_mistake() -> None:
    apps = "omero.web.apps"
    message = only_mistake_of(a_host(web_config={apps: ["a"]}, web_config_append={apps: ["b"]}))
    assert f"{apps}: is both set and appended to" in message


def test_several_web_hosts_must_share_a_key_for_their_sessions(secrets: str) -> None:
    def hosts(**data: Any) -> list[Any]:
        return [
            a_host("a.example", "redis nginx", reached_as="10.0.0.1", redis_bind="0.0.0.0", **data),
            a_host("b.example", "web", reached_as="10.0.0.2"),
            a_host("c.example", "web", reached_as="10.0.0.3"),
        ]

    password_only = Path(secrets).with_name("password.yml")
    password_only.write_text(f"redis_password: {PASSWORD}\n")
    found = mistakes_of(*hosts(web_secrets=str(password_only)))
    assert [message.split(": must be the same")[0] for message in found] == [
        "b.example: omero.web.secret_key",
        "c.example: omero.web.secret_key",
    ]
    assert mistakes_of(*hosts(web_secrets=secrets)) == []


@pytest.fixture
def two_webs(secrets: str) -> Any:
    """Hosts: Redis with NGINX, and two in group web with their data."""

    def hosts(first: dict[str, Any], second: dict[str, Any]) -> list[Any]:
        front = {"redis_bind": "10.0.0.1", "web_secrets": secrets}
        return [
            a_host("n.example", "redis nginx", reached_as="10.0.0.1", **front),
            a_host("a.example", "web", reached_as="10.0.0.2", **first),
            a_host("b.example", "web", reached_as="10.0.0.3", **second),
        ]

    return hosts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("omero.web.prefix", "/omero"),
        ("omero.web.static_url", "/files/"),
        ("omero.web.apps", ["omero_figure"]),
        ("omero.web.staticfile_dirs", ["/srv/own"]),
    ],
)
def test_web_hosts_behind_one_nginx_must_agree(two_webs: Any, name: str, value: Any) -> None:
    one, other = {"web_config": {name: value}}, {"web_config": {"omero.web.page_size": 9}}
    found = mistakes_of(*two_webs(one, other))
    assert any(message.startswith(f"b.example: {name}: ") for message in found)
    assert any("on a.example; set the same for all web hosts" in message for message in found)
    assert mistakes_of(*two_webs(one, one)) == []


def test_web_hosts_behind_one_nginx_must_have_one_release(two_webs: Any, tmp_path: Path) -> None:
    locks = {name: tmp_path / name for name in ("one.txt", "same.txt", "other.txt")}
    for name, path in locks.items():
        site_lock(path, "# other" if name == "other.txt" else "# one")
    data = {name: {"web_requirements": str(path)} for name, path in locks.items()}
    assert mistakes_of(*two_webs(data["one.txt"], data["same.txt"])) == []
    for other in (data["other.txt"], {}):
        message = only_mistake_of(*two_webs(data["one.txt"], other))
        assert message.startswith("b.example: web_requirements: ")
        assert "one.txt" in message


def test_several_web_hosts_cannot_have_sessions_in_files(two_webs: Any) -> None:
    files = {"web_sessions": "file"}
    found = mistakes_of(*two_webs(files, files))
    assert [message.split(": several")[0] for message in found] == [
        "a.example: omero.web.session_engine",
        "b.example: omero.web.session_engine",
    ]
    assert "redis" in found[0]


def test_nginx_needs_an_omero_web() -> None:
    assert "NGINX needs an OMERO.web" in only_mistake_of(a_host("@local", "nginx"))


def test_a_host_in_no_known_group_is_a_mistake() -> None:
    found = mistakes_of(a_host(), a_host("other.example", "webs", reached_as="10.0.0.2"))
    assert [message.split(";")[0] for message in found] == [
        "other.example: groups: is in none of the groups redis, web and nginx"
    ]


def test_an_unknown_property_is_answered_with_the_nearest_name() -> None:
    message = only_mistake_of(a_host(web_config={"omero.web.prefx": "/omero"}))
    assert message == (
        "@local: omero.web.prefx: OMERO.web has no such property; did you mean omero.web.prefix?"
    )


@pytest.mark.parametrize(
    "plugins",
    [
        {"web_config_append": {"omero.web.apps": ["omero_figure"]}},
        {"web_requirements": str(APP / "requirements.txt")},
    ],
)
def test_a_site_with_plugins_may_have_properties_that_only_the_host_knows(
    plugins: dict[str, Any],
) -> None:
    properties = {"omero.web.figure.anything": "x"}
    assert mistakes_of(a_host(web_config=properties, **plugins)) == []
    wrong = {**properties, "omero.web.page_size": "many"}
    assert "page_size" in only_mistake_of(a_host(web_config=wrong, **plugins))


@pytest.mark.parametrize("value", ["x", [["ONE"]], ["ONE"], {"ONE": 1}])
def test_additional_django_settings_must_be_pairs(value: Any) -> None:
    name = "omero.web.django_additional_settings"
    found = mistakes_of(a_host(web_config={name: value}))
    assert found
    assert all(name in message for message in found)


def test_a_deprecated_property_and_a_secret_in_the_inventory_are_warned_of() -> None:
    site = site_of(a_host(web_config={"omero.web.email_host": "mail.example", **KEYS}))
    warnings = [str(warning) for warning in checks.warnings(site)]
    assert len(warnings) == 2
    assert any("omero.web.email_host" in warning for warning in warnings)
    assert any(
        "omero.web.secret_key: is a secret in the inventory" in warning for warning in warnings
    )


@pytest.mark.parametrize(
    "data",
    [
        {"nginx_http_port": 4080},
        {"nginx_tls": "self-signed", "nginx_https_port": 80},
        {"redis_port": 80},
        {"redis_port": 6379, "web_config": {"omero.web.application_server.port": 6379}},
    ],
)
def test_two_services_of_a_host_cannot_have_one_port(data: dict[str, Any]) -> None:
    found = mistakes_of(a_host(**data))
    assert found
    assert "port" in found[0]


def test_an_omero_web_on_loopback_cannot_be_reached_by_an_nginx_elsewhere() -> None:
    name = "omero.web.application_server.host"
    message = only_mistake_of(
        a_host("w.example", "web", reached_as="10.0.0.2", web_config={name: "127.0.0.1"}),
        a_host("n.example", "nginx", reached_as="10.0.0.3"),
    )
    assert message.startswith(f"w.example: {name}")


def test_a_second_redis_would_be_ignored_and_is_a_mistake(secrets: str) -> None:
    open_to_others = {"redis_bind": "0.0.0.0", "web_secrets": secrets}
    found = mistakes_of(
        a_host("a.example", GROUPS, reached_as="10.0.0.1", **open_to_others),
        a_host("b.example", "redis", reached_as="10.0.0.2", **open_to_others),
    )
    assert any("redis" in message for message in found)


@pytest.mark.parametrize(("name", "warned"), [(None, True), ("a.example", True), ("localhost", 0)])
def test_debug_mode_is_warned_of_unless_visitors_come_from_the_machine_itself(
    name: str | None, warned: bool
) -> None:
    site = site_of(a_host(nginx_server_name=name, web_config={"omero.web.debug": True}))
    assert bool(checks.warnings(site)) == warned
