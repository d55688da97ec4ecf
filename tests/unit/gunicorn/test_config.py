"""gunicorn's settings, from OMERO.web's own properties."""

from __future__ import annotations

import ipaddress
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from omeroweb_ops import gunicorn
from omeroweb_ops.gunicorn import config
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine


@pytest.fixture
def settings_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """gunicorn's settings for some properties."""
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))

    def settings(**properties: Any) -> dict[str, Any]:
        engine.apply(Desired({f"omero.web.{name}": value for name, value in properties.items()}))
        return gunicorn.settings()

    return settings


def test_without_properties_it_is_as_omero_web_start_would_do_it(settings_for: Any) -> None:
    found = settings_for()
    assert found["bind"] == "127.0.0.1:4080"
    assert (found["workers"], found["threads"], found["timeout"]) == (5, 5, 60)
    assert found["worker_class"] == config.WORKER_CLASS
    assert found["raw_env"] == []
    assert "daemon" not in found


def test_properties_are_followed(settings_for: Any) -> None:
    found = settings_for(
        **{
            "application_server.host": "0.0.0.0",
            "application_server.port": 4090,
            "application_server.max_requests": 500,
            "wsgi_workers": 2,
            "wsgi_threads": 4,
            "wsgi_timeout": 120,
        }
    )
    assert found["bind"] == "0.0.0.0:4090"
    assert (found["workers"], found["threads"], found["timeout"]) == (2, 4, 120)
    assert found["max_requests"] == 500


@pytest.mark.parametrize(
    ("properties", "worker_class", "threads"),
    [
        ({"wsgi_workers": 2}, config.WORKER_CLASS, 5),
        ({"wsgi_threads": 1}, config.WORKER_CLASS, 1),
        ({"wsgi_worker_class": "gthread"}, config.WORKER_CLASS, 5),
        ({"wsgi_worker_class": "gthread", "wsgi_threads": 7}, config.WORKER_CLASS, 7),
        ({"wsgi_worker_class": "sync"}, "sync", 1),
        ({"wsgi_worker_class": "sync", "wsgi_threads": 1}, "sync", 1),
        # as with gunicorn itself
        ({"wsgi_worker_class": "sync", "wsgi_threads": 3}, config.WORKER_CLASS, 3),
    ],
)
def test_a_site_s_own_worker_class_and_threads_are_honoured(
    settings_for: Any, properties: dict[str, Any], worker_class: str, threads: int
) -> None:
    found = settings_for(**properties)
    assert found["worker_class"] == worker_class
    assert found.get("threads", 1) == threads


def test_workers_of_a_crash_are_forgotten_by_a_master_that_follows_nobody(
    settings_for: Any, engine: Engine
) -> None:
    found, folder = settings_for(), engine.locations.workers
    folder.mkdir(parents=True)
    for master_before, left in ((7, 1), (0, 0)):
        (folder / "4711").write_text("")
        for hook in (found["on_starting"], gunicorn.settings(preload=False)["on_starting"]):
            hook(_master(master_before))
        assert len([*folder.iterdir()]) == left
    (folder / "4712").write_text("")
    found["child_exit"](None, SimpleNamespace(pid=4712))  # killed: it could not do it
    assert not [*folder.iterdir()]


def _master(before: int) -> Any:
    """gunicorn's, without sockets."""
    config = SimpleNamespace(preload_app=False, address=[])
    return SimpleNamespace(cfg=config, log=None, master_pid=before, LISTENERS=[])


def test_no_header_of_a_visitor_changes_the_address_that_is_asked_for(settings_for: Any) -> None:
    config = Config()
    config.set("forwarder_headers", settings_for()["forwarder_headers"])
    assert config.forwarder_headers == []


@pytest.mark.parametrize("prefix", ["/omero", "/omero/"])
def test_a_prefix_is_the_script_name_without_a_slash_at_its_end(
    settings_for: Any, prefix: str
) -> None:
    assert settings_for(prefix=prefix)["raw_env"] == ["SCRIPT_NAME=/omero"]


def test_workers_of_another_class_have_connections_and_no_threads(settings_for: Any) -> None:
    found = settings_for(wsgi_worker_class="gevent", wsgi_worker_connections=50)
    assert found["worker_class"] == "gevent"
    assert found["worker_connections"] == 50
    assert "threads" not in found


def test_an_nginx_on_another_host_is_trusted_to_say_how_the_visitor_came(
    settings_for: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMEROWEB_OPS_DESIRED", str(engine.locations.desired_state))
    assert "forwarded_allow_ips" not in settings_for()
    engine.locations.proxies.write_text("10.0.0.3\nfd00::3\n")
    trusted = settings_for()["forwarded_allow_ips"]
    assert trusted.split(",") == ["127.0.0.1", "::1", "10.0.0.3", "fd00::3"]


@pytest.mark.parametrize(
    ("host", "bind"),
    [
        ("::1", ("::1", 4080)),
        ("[::1]", ("::1", 4080)),
        ("::", ("::", 4080)),
        ("FD00::12", ("fd00::12", 4080)),
        ("0.0.0.0", ("0.0.0.0", 4080)),
        ("localhost", ("localhost", 4080)),
        ("no-such-name.invalid", ("no-such-name.invalid", 4080)),
    ],
)
def test_gunicorn_binds_any_address(settings_for: Any, host: str, bind: tuple[str, int]) -> None:
    found = Config()
    found.set("bind", settings_for(**{"application_server.host": host})["bind"])
    assert found.address == [bind]


def test_a_name_that_has_ipv6_alone_is_bound_by_its_address(
    settings_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_ipv6(host: str, port: object, family: int, kind: int) -> list[Any]:
        if family == socket.AF_INET:
            raise socket.gaierror(socket.EAI_ADDRFAMILY, "no address")
        return [(family, kind, 6, "", ("fd00::12", 0, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", only_ipv6)
    found = settings_for(**{"application_server.host": "web1"})
    assert found["bind"] == "[fd00::12]:4080"


@pytest.mark.parametrize(
    ("properties", "variable", "peer", "trusted"),
    [
        ({}, None, "::ffff:127.0.0.1", True),
        ({}, None, "::1", True),
        ({}, None, "::ffff:10.0.0.3", False),
        ({}, "10.0.0.0/8", "::ffff:10.0.0.3", True),
        ({"wsgi_args": "--forwarded-allow-ips 10.0.0.3"}, None, "::ffff:10.0.0.3", True),
        ({"wsgi_args": "--forwarded-allow-ips fd00::3"}, None, "fd00::3", True),
    ],
)
def test_a_proxy_is_trusted_although_an_ipv6_socket_reports_its_ipv4_address(
    settings_for: Any,
    monkeypatch: pytest.MonkeyPatch,
    properties: dict[str, str],
    variable: str | None,
    peer: str,
    trusted: bool,
) -> None:
    if variable:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", variable)
    found = Config()
    texts = settings_for(**{"application_server.host": "::", **properties})
    found.set("forwarded_allow_ips", texts["forwarded_allow_ips"])
    networks = found.forwarded_allow_networks()
    assert any(ipaddress.ip_address(peer) in each for each in networks) is trusted


def test_where_a_reload_is_hup_nothing_is_loaded_before(settings_for: Any, engine: Engine) -> None:
    """Workers forked from a master would go on with what it has loaded."""
    assert settings_for()["preload_app"]
    found = gunicorn.settings(preload=False)
    assert not found.get("preload_app")
    assert "pre_exec" not in found


def test_workers_of_another_kind_are_not_forked_from_a_loaded_master(settings_for: Any) -> None:
    assert settings_for(wsgi_worker_class="gevent")["preload_app"] is False
    assert settings_for(wsgi_worker_class="gthread")["preload_app"] is True


def test_limits_of_the_inventory_reach_gunicorn(settings_for: Any) -> None:
    settings_for()
    found = gunicorn.settings(graceful_timeout=7, worker_memory=1 << 30)
    assert found["graceful_timeout"] == 7
    assert callable(found["post_request"])
    assert "post_request" not in gunicorn.settings()


def test_the_access_log_has_no_query_which_may_hold_a_password(settings_for: Any) -> None:
    found = settings_for()
    assert found["accesslog"] == "-"
    atoms = found["access_log_format"]
    assert "%({x-request-id}i)s" in atoms
    assert "%({x-forwarded-for}i)s" in atoms
    assert "%(r)s" not in atoms
    assert "%(q)s" not in atoms
