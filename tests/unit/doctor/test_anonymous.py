"""What the doctor makes of a visit without a login."""

from __future__ import annotations

import re
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from omeroweb_ops.doctor.anonymous_probe import AnonymousVisit, visit
from omeroweb_ops.doctor.checks import anonymous, run_all
from omeroweb_ops.doctor.http import Answer
from omeroweb_ops.doctor.local_probe import LocalState
from omeroweb_ops.doctor.result import CheckResult
from omeroweb_ops.shared.expectations import Expectations
from omeroweb_ops.state.public_views import RECIPES, opened_by

from tests.unit.doctor.test_checks import WELL
from tests.unit.helpers import listening

URL = "https://images.example.org"
VIEWS = opened_by(re.compile(RECIPES["webgateway"]), "", get_only=True)
VISIT = AnonymousVisit(
    views=VIEWS,
    page=Answer(f"{URL}/webgateway/proj/list/", 200),
    admin=Answer(f"{URL}/webadmin/experimenters/", 302),
    robots=Answer(f"{URL}/robots.txt", 200, text="User-agent: *\nDisallow: /webgateway/\n"),
)
PUBLIC = {"omero.web.public.enabled": True, "omero.web.public.get_only": True}


def check(name: str, servers: dict[str, str] | None = None, **changed: Any) -> CheckResult:
    """One result of a visit that differs in this from a good one."""
    local = replace(WELL.local, servers=servers or {"omero.example.org:4064": ""})
    seen = replace(WELL, local=local, anonymous=replace(VISIT, **changed))
    (found,) = (each for each in run_all(seen) if each.check == name)
    return found


def test_a_good_visit_is_ok_and_a_site_that_is_not_public_has_none() -> None:
    found = list(anonymous.findings(replace(WELL, anonymous=VISIT)))
    assert [each.status for each in found] == ["ok"] * 4
    assert f"{len(VIEWS.opened)} of webgateway" in found[0].message
    assert list(anonymous.findings(WELL)) == []


@pytest.mark.parametrize(
    ("status", "servers", "result", "setting"),
    [
        (200, {}, "ok", ""),
        (404, {}, "ok", ""),
        (302, {}, "error", "omero.web.public.user, omero.web.public.password"),
        (403, {}, "error", "omero.web.public.user, omero.web.public.password"),
        (302, {"omero.example.org:4064": "Connection refused"}, "warning", ""),
        (429, {}, "info", ""),
        (500, {}, "error", ""),
        (0, {}, "error", ""),
    ],
)
def test_whether_a_visitor_is_let_in(
    status: int, servers: dict[str, str], result: str, setting: str
) -> None:
    found = check("public user", servers, page=Answer(f"{URL}/webclient/", status))
    assert (found.status, found.setting) == (result, setting)


@pytest.mark.parametrize(
    ("url_filter", "result"),
    [
        ("^/webgateway/", "ok"),
        ("^/webadmin/", "error"),
        ("^/webclient/", "error"),
        ("a^", "warning"),
    ],
)
def test_a_filter_that_was_set_by_hand_is_judged_too(url_filter: str, result: str) -> None:
    views = opened_by(re.compile(url_filter), "", get_only=True)
    assert check("public views", views=views).status == result


def test_an_open_administration_is_an_error_and_missing_robots_are_not() -> None:
    assert check("public admin", admin=Answer(URL, 200)).status == "error"
    assert check("robots", robots=Answer(URL, 404)).status == "info"
    assert check("robots", robots=Answer(URL, 200, text="<html>")).setting == "nginx_robots"


class Site(BaseHTTPRequestHandler):
    """Notes what it is asked for; a visitor with a cookie is refused."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        self.send_response(400 if self.headers["Cookie"] else 200)
        self.send_header("Set-Cookie", "sessionid=1")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("prefix", "url_filter", "page"),
    [
        ("", RECIPES["webclient"], "/webclient/"),
        ("", RECIPES["webgateway"], "/webgateway/proj/list/"),
        ("/omero", "^/omero/api/", "/omero/api/v0/m/projects/"),
        ("", r"^/webgateway/render_image/\d+/\d+/\d+/", "/webgateway/render_image/1/1/1/"),
        ("", "a^", None),
    ],
)
def test_a_visit_asks_for_a_view_that_is_open_and_keeps_no_cookie(
    prefix: str, url_filter: str, page: str | None
) -> None:
    Site.asked = []
    with listening(Site) as port:
        expected = Expectations(f"http://127.0.0.1:{port}{prefix}/")
        found = visit(expected, {**PUBLIC, "omero.web.public.url_filter": url_filter}, None)
    assert found
    others = [f"{prefix}/webadmin/experimenters/", "/robots.txt"]
    assert Site.asked == [*([page] if page else []), *others]
    assert {each.status for each in (found.page, found.admin, found.robots) if each} == {200}


def test_a_site_that_is_not_public_is_not_visited() -> None:
    assert visit(Expectations("http://192.0.2.1/"), {}, None) is None
    wrong = {**PUBLIC, "omero.web.public.url_filter": "("}
    assert visit(Expectations("http://192.0.2.1/"), wrong, None) is None
    assert LocalState().properties == {}
