"""Variables that are named like the inventory's settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from omeroweb_ops.container import site_settings
from omeroweb_ops.container.site_settings import SiteSettings
from omeroweb_ops.state.desired import Desired

from roles.inventory import settings as inventory
from tests.unit.inventory.test_branding import PNG


def read(**variables: str) -> SiteSettings:
    found, findings = site_settings.read(variables)
    assert findings == []
    return found


def mistakes(**variables: str) -> list[str]:
    return [str(each) for each in site_settings.read(variables)[1]]


@pytest.mark.parametrize("text", ["a.b https://c.d", '["a.b", "https://c.d"]', " a.b,https://c.d "])
def test_lists_are_json_or_words(text: str) -> None:
    (told,) = mistakes(WEB_CORS_ORIGINS=text)
    assert told.startswith("WEB_CORS_ORIGINS: 'a.b' is not what browsers send; set 'https://a.b'")
    right = text.replace("a.b", "http://a.b")
    assert read(WEB_CORS_ORIGINS=right).cors_origins == ("http://a.b", "https://c.d")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("web_cors_origins", "viewer.example.org"),
        ("web_cors_origins", "https://*"),
        ("web_cors_origins", "https://viewer.example.org/"),
        ("web_plugins", "omero-figur"),
        ("web_plugins", "something"),
    ],
)
def test_a_value_is_refused_with_the_reason_that_the_inventory_gives(
    setting: str, value: str
) -> None:
    (told,) = inventory.read({setting: [value]})[1]
    (own,) = mistakes(**{setting.upper(): json.dumps([value])})
    assert told.message.startswith(own.removeprefix(f"{setting.upper()}: "))


@pytest.mark.parametrize("name", ["login_logo", "top_logo", "index_template", "template_dirs"])
@pytest.mark.parametrize("file", ["missing", "binary"])
def test_branding_is_refused_with_the_reason_that_the_inventory_gives(
    tmp_path: Path, name: str, file: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    path = str(tmp_path / file)
    value = [path] if name == "template_dirs" else path
    (told,) = inventory.read({"web_branding": {name: value}})[1]
    (own,) = mistakes(**{f"WEB_BRANDING_{name.upper()}": path})
    reason = own.removeprefix(f"WEB_BRANDING_{name.upper()}: ")
    assert reason in told.message


def test_branding_has_the_files_of_all_its_variables(tmp_path: Path) -> None:
    (tmp_path / "logo").write_bytes(PNG)
    (tmp_path / "templates/webclient").mkdir(parents=True)
    (tmp_path / "templates/webclient/login.html").write_text("a")
    (tmp_path / "index.html").write_text("b")
    found = read(
        WEB_BRANDING_LOGIN_LOGO=str(tmp_path / "logo"),
        WEB_BRANDING_TOP_LOGO="",
        WEB_BRANDING_INDEX_TEMPLATE=str(tmp_path / "index.html"),
        WEB_BRANDING_TEMPLATE_DIRS=str(tmp_path / "templates"),
    )
    assert found.branding == {
        "static/login_logo.png": PNG,
        "templates/webclient/login.html": b"a",
        "templates/branding/index.html": b"b",
    }
    told = site_settings.contradictions(found, Desired({"omero.web.login_logo": "x"}))
    assert [*map(str, told)] == [
        "WEB_BRANDING_LOGIN_LOGO: contradicts omero.web.login_logo; set only one of them"
    ]


def test_plugins_are_those_of_the_image_or_the_named_ones() -> None:
    built = {"OMEROWEB_PLUGINS": "omero-figure  omero-iviewer"}
    assert [each.app for each in read(**built).plugins] == ["omero_figure", "omero_iviewer"]
    named = read(**built, WEB_PLUGINS='["omero-mapr"]')
    assert [each.app for each in named.plugins] == ["omero_mapr"]
    assert read(**built, WEB_PLUGINS="").plugins == ()
    assert replace(read(), processes={}) == SiteSettings()


def test_a_plugin_that_the_image_does_not_have_is_a_mistake() -> None:
    ((package, finding),) = site_settings.missing(read(WEB_PLUGINS="omero-mapr"))
    assert package == "omero-mapr"
    assert str(finding).startswith("WEB_PLUGINS: omero-mapr is not in this image; build it with ")


def test_what_a_property_says_too_is_a_contradiction() -> None:
    origins = read(WEB_CORS_ORIGINS="https://a.b")
    explicit = Desired({"omero.web.cors_origin_allow_all": "true"})
    (told,) = site_settings.contradictions(origins, explicit)
    name = "omero.web.cors_origin_allow_all"
    assert str(told) == f"WEB_CORS_ORIGINS: contradicts {name}; set only one of them"
    (told,) = site_settings.contradictions(read(WEB_CORS_LOGIN="true"), Desired())
    assert str(told).startswith("WEB_CORS_LOGIN: needs WEB_CORS_ORIGINS;")
    assert [*site_settings.contradictions(origins, Desired())] == []


def test_every_mistake_is_found_and_variables_of_others_are_none() -> None:
    told = mistakes(
        WEB_PORT="tcp://10.0.0.1:4080",  # of Kubernetes, for a service called web
        WEB_REDIS_PORT="tcp://10.0.0.2:6379",  # of another called web-redis
        NGINX_MAX_BODY_SIZE="nonsense",  # of the other containers
        NGINX_HTTP_PORT="8080",  # although its name is close to NGINX_HTTPS_PORT
        REDIS_MAXMEMORY="nonsense",
        REDIS_PASSWORD="p",
        WEB_SESSION="redis",
        WEB_GRACEFUL_TIMEOUT="0",
        WEB_WORKER_MEMORY="much",
        WEB_CORS_ORIGIN="https://a.b",
        WEB_CORS_ORIGINS="[1]",
        WEB_PLUGINS="[",
        WEB_CORS_LOGIN="yes",
    )
    assert [each.partition(":")[0] for each in told] == [
        "WEB_SESSION",
        "WEB_CORS_ORIGIN",
        "WEB_PLUGINS",
        "WEB_CORS_ORIGINS",
        "WEB_CORS_LOGIN",
        "WEB_GRACEFUL_TIMEOUT",
        "WEB_WORKER_MEMORY",
    ]
    assert "did you mean WEB_CORS_ORIGINS?" in told[1]
    assert "did you mean WEB_SESSIONS?" in told[0]


def test_gunicorn_gets_its_settings_from_variables_or_their_defaults() -> None:
    assert read().processes == {"WEB_GRACEFUL_TIMEOUT": "8", "WEB_WORKER_MEMORY": "1gb"}
    own = {"WEB_GRACEFUL_TIMEOUT": "60", "WEB_WORKER_MEMORY": "700mb"}
    assert read(**own).processes == own
