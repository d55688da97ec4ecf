"""What a container makes of its variables and files together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.container import environment, keys, serve, site_files
from omeroweb_ops.state.engine import Engine, Invalid

from tests.unit.helpers import KEY, a_host, installation, site_of
from tests.unit.inventory.test_branding import PNG


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(serve, "FILES", tmp_path / "config")
    monkeypatch.setattr(site_files, "APPS", tmp_path / "apps")
    for name in ("OMEROWEB_READY_NEEDS_SERVER", "WEB_GRACEFUL_TIMEOUT", "WEB_WORKER_MEMORY"):
        monkeypatch.setenv(name, "")  # `configuration` sets them
    (tmp_path / "config").mkdir()
    return installation(tmp_path)


def mistakes(engine: Engine, variables: Mapping[str, str]) -> list[str]:
    with pytest.raises(Invalid) as caught:
        serve.configuration(engine, variables)
    return [str(each) for each in caught.value.findings]


def test_every_mistake_of_every_kind_is_reported_at_once_and_once(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "config/a.omero").write_text("config sett omero.web.prefix hunter2\n")
    (tmp_path / "config/b.omero").write_bytes(b"\xff")
    told = mistakes(
        engine,
        {
            "CONFIG_omero_web_debugg": "1",
            "CONFIG_omero_web_debug": "maybe",
            "CONFIG_omero_web_public_enabled": "true",
            "CONFIG_omero_web_secret__key_FILE": str(tmp_path / "missing"),
            "OMEROWEB_READY_NEEDS_SERVER": "perhaps",
            "WEB_CORS_ORIGINS": "viewer.example.org",
            "WEB_PLUGINS": "omero-figur omero-figure",
        },
    )
    assert sorted(each.partition(": ")[0] for each in told) == [
        "CONFIG_omero_web_debugg",
        "CONFIG_omero_web_secret__key_FILE",
        "OMEROWEB_READY_NEEDS_SERVER",
        "WEB_CORS_ORIGINS",
        "WEB_PLUGINS",
        "WEB_PLUGINS",
        "a.omero line 1",
        "b.omero",
        "omero.web.debug",
        "omero.web.public.user",
    ]
    assert "hunter2" not in "".join(told)


def test_nothing_of_a_value_in_a_file_is_shown(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "value").write_text("hunter2 is no number\n")
    told = mistakes(
        engine,
        {
            "CONFIG_omero_web_page__size_FILE": str(tmp_path / "value"),
            "CONFIG_omero_db_pass": "hunter3",
        },
    )
    assert [each.partition(":")[0] for each in told] == ["omero.web.page_size"]
    shown = "".join(told) + capsys.readouterr().err
    assert "CONFIG_omero_db_pass: is a property of OMERO.server" in shown
    assert "hunter" not in shown


def test_files_variables_and_settings_make_one_configuration(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "logo").write_bytes(PNG)
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "config/a.omero").write_text("config set omero.web.prefix /omero\n")
    desired, own = serve.configuration(
        engine,
        {
            "CONFIG_omero_web_secret__key_FILE": str(tmp_path / "key"),
            "CONFIG_omero_db_pass_FILE": "/nowhere",
            "WEB_CORS_ORIGINS": "https://viewer.example.org",
            "WEB_BRANDING_LOGIN_LOGO": str(tmp_path / "logo"),
        },
    )
    assert own
    assert desired.secret == ["omero.web.secret_key"]
    assert desired.set["omero.web.secret_key"] == KEY
    logo = desired.set["omero.web.login_logo"]
    assert logo.startswith(f"/omero/static/branding/{own.digest}/login_logo.png")
    assert desired.append["omero.web.cors_origin_whitelist"] == ["https://viewer.example.org"]
    pairs: list[Any] = desired.set["omero.web.django_additional_settings"]
    assert ["WHITENOISE_ROOT", str(engine.locations.omerodir / "var/www")] in pairs


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({}, "static"),
        ({"omero.web.prefix": "/omero", "omero.web.static_url": "/omero/static/"}, "static"),
        ({"omero.web.prefix": "/omero", "omero.web.static_url": "/files/"}, "files"),
        ({"omero.web.static_url": "/a/b/"}, "a/b"),
    ],
)
def test_logos_lie_where_whitenoise_serves_them(
    engine: Engine, properties: dict[str, str], path: str
) -> None:
    """And those of before do not: another logo is another path."""
    root = engine.locations.omerodir / "var/www"
    files = {"static/login_logo.png": PNG, "templates/webclient/login.html": b"a"}
    own = site_files.branding(files, engine.locations)
    assert own
    for _twice in range(2):
        site_files.write(own, properties, engine.locations)
        assert (root / path / "branding" / own.digest / "login_logo.png").read_bytes() == PNG
        assert (own.path / "templates/webclient/login.html").read_bytes() == b"a"
    site_files.write(site_files.branding({}, engine.locations), properties, engine.locations)
    assert not root.exists()
    assert not own.path.exists()
    assert site_files.branding({}, engine.locations) is None


def test_static_files_of_mounted_apps_are_served(engine: Engine) -> None:
    """Of two apps that have the same file, the first counts."""
    for name, file in (("a", "a/x.css"), ("a", "shared/y.css"), ("b", "shared/y.css")):
        path = site_files.APPS / name / "static" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    desired, own = serve.configuration(engine, {})
    root = engine.locations.omerodir / "var/www"
    assert ["WHITENOISE_ROOT", str(root)] in desired.set["omero.web.django_additional_settings"]
    site_files.write(own, desired.set, engine.locations)
    found = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.css")}
    assert found == {"static/a/x.css": "a", "static/shared/y.css": "a"}


def test_a_container_without_files_of_its_own_serves_none(engine: Engine) -> None:
    desired, own = serve.configuration(engine, {})
    assert own is None
    assert "WHITENOISE_ROOT" not in desired.dump()


def test_a_login_from_other_sites_needs_cookies_that_browsers_send(engine: Engine) -> None:
    variables = {"WEB_CORS_ORIGINS": "https://viewer.example.org", "WEB_CORS_LOGIN": "true"}
    told = mistakes(engine, variables)
    assert sorted(each.partition(":")[0] for each in told) == [
        "omero.web.csrf_cookie_samesite",
        "omero.web.session_cookie_samesite",
    ]
    secure = {f"CONFIG_omero_web_{name}__cookie__secure": "true" for name in ("session", "csrf")}
    desired, _own = serve.configuration(engine, {**variables, **secure})
    assert desired.set["omero.web.session_cookie_samesite"] == "None"


def test_nginx_and_redis_of_other_containers_give_what_they_give_on_a_host(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys.read, "__defaults__", (tmp_path,))
    monkeypatch.setattr(keys, "_is_mounted", lambda _path: True)
    monkeypatch.setattr(serve, "_IPV6", tmp_path)  # the system has it
    nginx: dict[str, Any] = {
        "nginx_server_name": "omero.example.org",
        "nginx_tls": "self-signed",
        "nginx_https_port": 8443,
    }
    variables = {name.upper(): str(value) for name, value in nginx.items()}
    desired, _own = serve.configuration(
        engine, {**variables, "WEB_SESSIONS": "redis", "NGINX_MAX_BODY_SIZE": "nonsense"}
    )
    (tmp_path / "secrets.yml").write_text(f"redis_password: {'p' * 16}\n")
    (tmp_path / "secrets.yml").chmod(0o600)
    site = site_of(
        a_host("nginx", "nginx", reached_as="10.0.0.1", **nginx),
        a_host("redis", "redis", reached_as="10.0.0.2", redis_bind="10.0.0.2"),
        a_host("web", "web", reached_as="fd00::3", web_secrets=str(tmp_path / "secrets.yml")),
    )
    on_host = site.desired(site.members["web"])
    caches = desired.set.pop("omero.web.caches")  # type: ignore[attr-defined]
    shared = (tmp_path / "redis_password").read_text().strip()
    told = str(caches).replace(shared, "p" * 16).replace("redis:6379", "10.0.0.2:6379")
    assert told == str(on_host.set["omero.web.caches"])
    assert desired.set["omero.web.secret_key"] == (tmp_path / "secret_key").read_text().strip()
    assert desired.secret == ["omero.web.secret_key"]
    own = {
        "omero.web.secret_key",
        "omero.web.static_root",
        "omero.web.caches",
        "omero.web.middleware",
    }
    assert {name: value for name, value in desired.set.items() if name not in own} == {
        name: value for name, value in on_host.set.items() if name not in own
    }
    assert desired.append["omero.web.csrf_trusted_origins"] == ["https://omero.example.org:8443"]


def test_without_ipv6_a_container_listens_on_ipv4(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_IPV6", Path("/no/such/file"))
    desired, _own = serve.configuration(engine, {})
    assert desired.set["omero.web.application_server.host"] == "0.0.0.0"


def test_a_key_that_cannot_be_made_is_a_mistake_unless_the_key_is_given(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret_key").write_text("short\n")
    monkeypatch.setattr(keys.read, "__defaults__", (tmp_path,))
    (told,) = mistakes(engine, {})
    assert told.startswith(f"CONFIG_omero_web_secret__key: {tmp_path}/secret_key is not a key")
    desired, _own = serve.configuration(engine, {"CONFIG_omero_web_secret__key": KEY})
    assert desired.set["omero.web.secret_key"] == KEY


def test_gunicorn_s_environment_has_no_variable_that_may_have_a_secret() -> None:
    for name in ("CONFIG_omero_web_secret__key", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE"):
        assert environment.is_secret(name)
    assert not environment.is_secret("NGINX_TLS")


def test_the_next_container_of_a_volume_may_have_another_uid(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same group: what the group may not open is removed, because nobody holds it."""
    var = engine.locations.omerodir / "var"
    var.mkdir(exist_ok=True)
    serve.make_directories(engine.locations)
    for name in ("clearsessions.lock", "grid/omeroweb-ops.lock", "sessions/sessionid0"):
        (var / name).touch(mode=0o600)
    serve.make_directories(engine.locations)
    assert (var / "clearsessions.lock").exists()
    monkeypatch.setattr(os, "geteuid", lambda: 998)
    serve.make_directories(engine.locations)
    assert not (var / "clearsessions.lock").exists()
    assert not (var / "grid/omeroweb-ops.lock").exists()
    assert (var / "sessions/sessionid0").exists()


def test_a_var_that_cannot_be_written_is_one_line(engine: Engine) -> None:
    var = engine.locations.omerodir / "var"
    var.mkdir(exist_ok=True)
    (var / "tmp").symlink_to("nowhere")
    with pytest.raises(Invalid) as caught:
        serve.make_directories(engine.locations)
    (told,) = caught.value.findings
    assert str(told).startswith(f"{var}/tmp: cannot be written by uid ")
