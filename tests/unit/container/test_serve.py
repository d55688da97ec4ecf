"""What a container makes of its variables and files together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.container import serve, site_files
from omeroweb_ops.state.engine import Engine, Invalid

from tests.unit.helpers import KEY, installation
from tests.unit.inventory.test_branding import PNG


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(serve, "FILES", tmp_path / "config")
    monkeypatch.setattr(site_files, "APPS", tmp_path / "apps")
    monkeypatch.setenv("OMEROWEB_READY_NEEDS_SERVER", "false")
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
