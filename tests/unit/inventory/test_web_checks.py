"""web_checks: the site's own pages that decide whether a deploy stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from omeroweb_ops.locations import Locations
from omeroweb_ops.site_checks import SiteCheck

from roles.conventions import LOCATIONS
from roles.inventory import web_checks
from roles.operations.files import Absent, File
from roles.web import files, service
from tests.unit.helpers import a_host, a_target, mistakes_of, only_member, site_of

NAMED = {"nginx_server_name": "images.example.org *.example.com"}
PREFIX = {"web_config": {"omero.web.prefix": "/omero"}}


def resolved(*checks: dict[str, Any], **data: Any) -> list[SiteCheck]:
    site = site_of(a_host("@local", web_checks=[*checks], **data))
    return web_checks.resolve(site, only_member(site))


@pytest.mark.parametrize(
    ("url", "data", "path", "host", "scheme"),
    [
        ("/gallery/?a=1", {}, "/gallery/?a=1", "localhost", "http"),
        ("/gallery/", NAMED, "/gallery/", "images.example.org", "http"),
        ("/gallery/", {**NAMED, **PREFIX}, "/omero/gallery/", "images.example.org", "http"),
        ("/omero/gallery/", {**NAMED, **PREFIX}, "/omero/gallery/", "images.example.org", "http"),
        ("/", {**NAMED, "nginx_tls": "self-signed"}, "/", "images.example.org", "https"),
        ("https://Images.example.org/a/", NAMED, "/a/", "Images.example.org", "https"),
        ("http://one.example.com:8080/a/", NAMED, "/a/", "one.example.com:8080", "http"),
        ("https://any.example.net/a/", {}, "/a/", "any.example.net", "https"),
    ],
)
def test_a_url_is_requested_as_nginx_passes_it_on(
    url: str, data: dict[str, Any], path: str, host: str, scheme: str
) -> None:
    (found,) = resolved({"url": url}, **data)
    assert (found.url, found.path, found.host, found.scheme) == (url, path, host, scheme)
    assert (found.status, found.text) == (200, None)


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ({}, "url is missing"),
        ({"url": "gallery"}, 'not a path like "/gallery/"'),
        ({"url": "//images.example.org/"}, 'not a path like "/gallery/"'),
        ({"url": "ftp://images.example.org/"}, 'not a path like "/gallery/"'),
        ({"url": "/a b"}, "encode it"),
        ({"url": "/a\nHost: x"}, "encode it"),
        ({"url": "/é"}, "encode it"),
        ({"url": "/a#b"}, "must not have a fragment"),
        ({"url": "https://u:p@images.example.org/"}, "must not have a fragment or a user"),
        ({"url": "/", "status": "200"}, "status must be a number from 200 to 599, not '200'"),
        ({"url": "/", "status": 99}, "status must be a number from 200 to 599, not 99"),
        ({"url": "/", "text": ""}, "text must be part of the page's text, not ''"),
        ({"url": "/", "body": "x"}, "body is not known"),
        ("/gallery/", "dictionary"),
    ],
)
def test_a_mistake_is_named(check: Any, reason: str) -> None:
    (found,) = mistakes_of(a_host("@local", web_checks=[check]))
    assert found.startswith("@local: web_checks: ")
    assert reason in found
    assert 'for example [{"url": "/gallery/"' in found


@pytest.mark.parametrize(
    ("url", "data", "reason"),
    [
        ("https://other.example.org/", NAMED, "is not of this site"),
        ("https://images.example.org/a", {**NAMED, **PREFIX}, "is not below the site's prefix"),
        ("/static/a.css", {}, "is NGINX's own"),
        ("/omero/static/a.css", PREFIX, "is NGINX's own"),
        ("/static/a.css", PREFIX, "is NGINX's own"),
        ("/robots.txt", {}, "is NGINX's own"),
        ("/ops/ready", {}, "is the bundle's own page"),
    ],
)
def test_what_web_checks_cannot_check_is_refused(
    url: str, data: dict[str, Any], reason: str
) -> None:
    (found,) = mistakes_of(a_host("@local", web_checks=[{"url": url}], **data))
    assert reason in found


def test_every_mistake_is_reported() -> None:
    wrong = [{"url": "/static/a"}, {"url": "/robots.txt"}]
    assert len(mistakes_of(a_host("@local", web_checks=wrong))) == 2


def test_without_nginx_omero_web_s_static_files_can_be_checked() -> None:
    site = site_of(a_host("web", "web", web_checks=[{"url": "/static/a.css"}], address="192.0.2.1"))
    assert len(web_checks.resolve(site, only_member(site))) == 1


def test_a_host_has_the_checks_and_a_change_runs_them() -> None:
    with_checks = site_of(a_host("@local", web_checks=[{"url": "/gallery/", "text": "Gallery"}]))
    without = site_of(a_host("@local"))
    path = str(LOCATIONS.checks)
    for site, expected in ((with_checks, File), (without, Absent)):
        target = a_target(site)
        (item,) = (each for each in _items(target) if each.path == path)
        assert isinstance(item, expected)
        ready = service.omero_web(_release(), target.settings, "systemd", socket=True).ready
        assert ("ready --timeout 60 --current --checks" in ready) == (expected is File)
        if isinstance(item, File):
            (content,) = json.loads(item.content)
            assert content["text"] == "Gallery"
            assert item.mode == "640"
            assert (
                path
                in service.omero_web(_release(), target.settings, "systemd", socket=True).reload_on
            )


def _release() -> Any:
    return type("Release", (), {"name": "0123456789ab"})


def _items(target: Any) -> list[Any]:
    own = service.omero_web(_release(), target.settings, "systemd", socket=True)
    return files.site_items(target, own)


def test_the_file_is_beside_the_desired_state() -> None:
    assert isinstance(LOCATIONS, Locations)
    assert LOCATIONS.checks.parent == LOCATIONS.desired_state.parent
