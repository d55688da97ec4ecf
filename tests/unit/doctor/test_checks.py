"""What the doctor makes of what it has seen: each finding names its setting."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.doctor import login_form, report
from omeroweb_ops.doctor.checks import local, run_all, visitor
from omeroweb_ops.doctor.http import Answer, Cookie
from omeroweb_ops.doctor.local_probe import LocalState
from omeroweb_ops.doctor.public_probe import STRANGER, PublicState
from omeroweb_ops.doctor.result import STATUSES, CheckResult
from omeroweb_ops.property_names import (
    CSRF_COOKIE_SECURE,
    DEBUG,
    PORT,
    SECURE_PROXY_SSL_HEADER,
    SESSION_COOKIE_SECURE,
)
from omeroweb_ops.shared.certificate import Certificate
from omeroweb_ops.shared.expectations import Expectations
from omeroweb_ops.shared.redis_memory import Memory
from omeroweb_ops.shared.renewal import RenewalFailure

from roles.nginx import maintenance_page

URL = "https://images.example.org/omero/"
LOGIN = """<html><title>
OMERO.web - Login </title><link rel="stylesheet" href="/omero/static/a.css?_1">
<script src="/omero/static/a.js"></script><form>
<input type="hidden" name="csrfmiddlewaretoken" value="token"><select name="server">
<option value="1">one</option><option value="2" selected>two</option></select>
<input name="username"><span class="error">Error: no such user</span></form></html>"""
SECURE = Cookie("csrftoken", "/omero", secure=True, same_site="lax")
API = json.dumps({"data": [{"version": "0", "url:base": f"{URL}api/v0/"}]})
PROPERTIES: dict[str, Any] = {
    SECURE_PROXY_SSL_HEADER: ["HTTP_X_FORWARDED_PROTO", "https"],
    SESSION_COOKIE_SECURE: True,
    CSRF_COOKIE_SECURE: True,
    "omero.web.allowed_hosts": ["*"],
    "omero.web.prefix": "/omero",
}
STATIC = {"content-type": "text/css", "content-encoding": "gzip", "cache-control": "max-age=9"}


def answer(status: int = 200, path: str = "", text: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(f"{URL}{path}", status, named, text)


LOGIN_PAGE = replace(
    answer(200, "webclient/login/", LOGIN, strict_transport_security="max-age=9"),
    cookies=(SECURE,),
)
WELL = PublicState(
    expected=Expectations(URL, "certificate", 80, ("https://viewer.example.org",)),
    local=LocalState(PROPERTIES, answer(), {"omero.example.org:4064": ""}),
    certificate=Certificate(days=80, names=("images.example.org",)),
    first=answer(),
    login=LOGIN_PAGE,
    static=Answer(f"{URL}static/a.css", 200, STATIC),
    attempt=LOGIN_PAGE,
    api=answer(200, "api/", API),
    origins={
        "https://viewer.example.org": answer(
            200, "api/", access_control_allow_origin="https://viewer.example.org"
        )
    },
    plain=answer(301, location=URL),
    root=answer(302, location="/omero/"),
    skew=0.4,
)


def here_with(**properties: Any) -> LocalState:
    return replace(WELL.local, properties={**PROPERTIES, **properties})


def bad(seen: PublicState) -> list[CheckResult]:
    return [each for each in run_all(seen) if each.status in ("warning", "error")]


def test_a_site_that_is_well_has_one_good_word_for_each_check() -> None:
    found = list(run_all(WELL))
    assert {each.status for each in found} == {"ok"}
    assert len({each.check for each in found}) >= 14
    assert {each.setting for each in found} == {""}


def test_a_release_for_another_python_is_a_warning() -> None:
    seen = replace(
        WELL, local=replace(WELL.local, release="release aaaa was built for Python 3.11")
    )
    (found,) = bad(seen)
    assert (found.check, found.status) == ("release", "warning")
    assert found.message.endswith("3.11; deploy again")


def test_an_omero_server_that_is_away_is_a_warning_and_no_more() -> None:
    seen = replace(WELL, local=replace(WELL.local, servers={"omero.example.org:4064": "refused"}))
    (one,) = bad(seen)
    assert (one.status, one.setting) == ("warning", "omero.web.server_list")
    late = replace(seen, attempt=Answer(URL, problem="does not answer", late=True))
    assert bad(late) == [one]


def test_a_certificate_signed_by_itself_is_what_the_setting_says() -> None:
    own = Certificate(distrust="self-signed certificate", self_signed=True, days=3650)
    wanted = replace(WELL, expected=replace(WELL.expected, tls="self-signed"), certificate=own)
    assert bad(wanted) == []
    (one,) = bad(replace(WELL, certificate=own))
    assert (one.status, one.setting) == ("warning", "nginx_tls")


def test_what_the_authority_has_not_issued_or_renewed_is_a_warning() -> None:
    own = Certificate(distrust="self-signed certificate", self_signed=True, days=3650)
    expected = replace(WELL.expected, tls="acme")
    (one,) = bad(replace(WELL, expected=expected, certificate=own))
    assert (one.status, one.setting) == ("warning", "nginx_tls")
    assert "until the authority issues one; deploy again" in one.message
    failed = RenewalFailure(datetime(2026, 11, 29, 12, 41, tzinfo=UTC), "Connection refused")
    (one,) = bad(replace(WELL, local=replace(WELL.local, renewal=failed)))
    assert one.status == "warning"
    assert "its renewal failed on 2026-11-29 12:41: Connection refused" in one.message


def test_leading_visitors_to_https_is_up_to_the_proxy_that_speaks_it() -> None:
    proxied = replace(WELL, expected=replace(WELL.expected, tls="off"), plain=answer(301))
    assert bad(proxied) == []


REFUSED = answer(403, "webclient/login/", '{"message": "CSRF Failed: Origin checking failed"}')
NO_COOKIE = answer(403, "webclient/login/", '{"message": "CSRF Failed: CSRF cookie not set."}')
INSIDE = answer(200, "api/", API.replace("https:", "http:"))
WRONG_NAME = Certificate(days=80, names=("a.example.org",), for_name=False)


@pytest.mark.parametrize(
    ("change", "check", "status", "setting"),
    [
        ({"unknown": "Name or service not known"}, "name", "error", "nginx_server_name"),
        ({"first": Answer(URL, problem="refused")}, "name", "error", "nginx_https_port"),
        ({"certificate": Certificate(dates="expired")}, "certificate", "error", "nginx_tls"),
        ({"certificate": WRONG_NAME}, "certificate", "error", "nginx_tls"),
        ({"certificate": Certificate(days=20)}, "certificate", "warning", "nginx_tls"),
        ({"certificate": Certificate(problem="reset")}, "certificate", "error", "nginx_tls"),
        ({"plain": answer(200)}, "redirect", "warning", "nginx_http_port"),
        ({"login": answer(502)}, "login page", "error", PORT),
        ({"login": answer(503, retry_after="30")}, "login page", "error", PORT),
        ({"login": answer(503, retry_after="600")}, "maintenance", "warning", ""),
        ({"login": answer(404)}, "login page", "error", "omero.web.prefix"),
        ({"login": answer(200, "", "<title>Welcome</title>")}, "login page", "error", "server_nam"),
        ({"static": answer(404)}, "static files", "error", "omero.web.static_url"),
        ({"static": answer(200, content_type="text/plain")}, "static files", "error", "extra"),
        ({"attempt": REFUSED, "direct": answer(200)}, "login", "error", "nginx_behind_proxy"),
        ({"attempt": REFUSED, "direct": REFUSED}, "login", "error", "csrf_trusted_origins"),
        (
            {
                "attempt": REFUSED,
                "local": here_with(**{SECURE_PROXY_SSL_HEADER: []}),
            },
            "login",
            "error",
            SECURE_PROXY_SSL_HEADER,
        ),
        ({"attempt": NO_COOKIE}, "login", "error", "omero.web.django_additional_settings"),
        ({"attempt": answer(500)}, "login", "error", ""),
        ({"api": INSIDE}, "address", "error", "nginx_behind_proxy"),
        (
            {"api": INSIDE, "local": here_with(**{SECURE_PROXY_SSL_HEADER: []})},
            "address",
            "error",
            SECURE_PROXY_SSL_HEADER,
        ),
        (
            {"api": answer(200, "api/", API.replace("images.example.org", "10.0.0.1:4080"))},
            "address",
            "error",
            "nginx_behind_proxy",
        ),
        (
            {"api": answer(200, "api/", API.replace("/omero/", "/"))},
            "address",
            "error",
            "omero.web.prefix",
        ),
        (
            {"api": answer(200, "api/", access_control_allow_origin=STRANGER)},
            "cors",
            "error",
            "web_cors_origins",
        ),
        ({"origins": {"https://viewer.example.org": answer()}}, "cors", "error", "web_cors_origin"),
        ({"skew": -90.0}, "clock", "warning", ""),
        (
            {"local": replace(WELL.local, own=Answer(URL, problem="refused"))},
            "service",
            "error",
            PORT,
        ),
        ({"local": replace(WELL.local, own=answer(500))}, "service", "error", ""),
        (
            {"local": replace(WELL.local, sessions=("Redis is away", "redis_port"))},
            "sessions",
            "error",
            "redis_port",
        ),
        (
            {"local": replace(WELL.local, memory=Memory(900 << 20, 1024 << 20))},
            "sessions",
            "warning",
            "redis_maxmemory",
        ),
        (
            {"local": here_with(**{DEBUG: True})},
            "debug mode",
            "warning",
            DEBUG,
        ),
        (
            {"local": here_with(**{"omero.web.allowed_hosts": ["other.example.org"]})},
            "allowed hosts",
            "error",
            "omero.web.allowed_hosts",
        ),
        (
            {"local": here_with(**{"omero.web.prefix": None})},
            "prefix",
            "error",
            "omero.web.prefix",
        ),
        (
            {"local": here_with(**{SESSION_COOKIE_SECURE: False})},
            "cookies",
            "warning",
            SESSION_COOKIE_SECURE,
        ),
        (
            {"login": replace(LOGIN_PAGE, cookies=(replace(SECURE, path="/other"),))},
            "cookies",
            "error",
            "omero.web.prefix",
        ),
        (
            {
                "login": replace(
                    LOGIN_PAGE, cookies=(replace(SECURE, secure=False, same_site="none"),)
                )
            },
            "cookies",
            "error",
            "omero.web.session_cookie_samesite",
        ),
        (
            {"attempt": replace(LOGIN_PAGE, cookies=(Cookie("sessionid", secure=True),))},
            "cookies",
            "warning",
            "omero.web.django_additional_settings",
        ),
    ],
)
def test_each_finding_names_its_setting(
    change: dict[str, Any], check: str, status: str, setting: str
) -> None:
    if "attempt" not in change and "login" in change:
        change["attempt"] = None
    found = [each for each in bad(replace(WELL, **change)) if each.check == check]
    assert any(each.status == status and setting in each.setting for each in found), found


@pytest.mark.parametrize("setting", [SESSION_COOKIE_SECURE, CSRF_COOKIE_SECURE])
def test_over_http_a_secure_cookie_is_an_error(setting: str) -> None:
    insecure = {
        SESSION_COOKIE_SECURE: False,
        CSRF_COOKIE_SECURE: False,
        setting: True,
    }
    seen = replace(
        WELL,
        expected=replace(WELL.expected, url=URL.replace("https", "http")),
        local=here_with(**insecure),
        login=replace(LOGIN_PAGE, cookies=()),
        attempt=NO_COOKIE,
    )
    found = [each for each in bad(seen) if each.check == "cookies"]
    assert [(each.status, each.setting) for each in found] == [("error", setting)]
    (login,) = [each for each in bad(seen) if each.check == "login"]
    assert (login.setting == CSRF_COOKIE_SECURE) == (setting == CSRF_COOKIE_SECURE)


@pytest.mark.parametrize(
    ("patterns", "host", "expected"),
    [
        (["*"], "a.example.org", True),
        (["a.example.org"], "a.example.org", True),
        (["A.example.org"], "a.example.org", True),
        ([".example.org"], "a.example.org", True),
        ([".example.org"], "example.org", True),
        ([".example.org"], "anexample.org", False),
        ([], "a.example.org", False),
    ],
)
def test_allowed_hosts_are_django_s(patterns: list[str], host: str, expected: bool) -> None:
    seen = replace(
        WELL,
        expected=Expectations(f"https://{host}/"),
        local=here_with(**{"omero.web.allowed_hosts": patterns}),
    )
    assert local.allowed(seen) == expected


def test_the_login_page_is_read_as_a_browser_reads_it() -> None:
    read = login_form.read(LOGIN)
    assert read.is_login
    assert (read.title, read.token, read.server) == ("OMERO.web - Login", "token", "2")
    assert read.files == ["/omero/static/a.css?_1", "/omero/static/a.js"]
    assert read.error == "Error: no such user"
    assert not login_form.read(LOGIN.replace("csrfmiddlewaretoken", "other")).is_login


@given(st.text())
def test_any_page_can_be_read(text: str) -> None:
    assert login_form.read(text).is_login in (True, False)


@given(
    st.lists(
        st.builds(
            CheckResult, st.text(), st.sampled_from(STATUSES), st.text(), st.text(max_size=200)
        )
    )
)
def test_any_findings_can_be_reported(findings: list[CheckResult]) -> None:
    told = json.loads(report.as_json(WELL, findings))
    assert len(told["checks"]) == len(findings)
    statuses = {each.status for each in findings}
    order = ["error", "warning"]
    assert told["status"] == next((each for each in order if each in statuses), "ok")
    assert report.as_table(WELL, findings).startswith(URL)


def test_the_table_has_the_setting_beside_what_is_wrong() -> None:
    found = [
        CheckResult("service", "ok", "it runs"),
        CheckResult("cors", "error", "no", "web_cors"),
    ]
    lines = report.as_table(WELL, found).splitlines()
    assert lines[0] == URL
    assert lines[3].split() == ["ok", "service", "it", "runs"]
    assert lines[4].split() == ["ERROR", "cors", "no", "web_cors"]
    assert lines[-1] == "1 error."


def test_planned_maintenance_is_told_from_nginx_s_own_page() -> None:
    assert str(maintenance_page.RETRY_AFTER) == visitor.AUTOMATIC


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_redis_is_scarce_above_four_fifths_of_a_limit(used: int, limit: int) -> None:
    assert Memory(used, limit).scarce is (limit > 0 and used / limit > 0.8)


@pytest.mark.parametrize(
    ("used", "limit", "told"),
    [
        (58 << 20, 64 << 20, "58 MB of 64 MB, and refuses logins when full"),
        (1_500_000, 1 << 20, "1465 kB of 1024 kB, and refuses logins now"),
    ],
)
def test_redis_memory_is_told_in_sizes_that_can_be_read(used: int, limit: int, told: str) -> None:
    assert str(Memory(used, limit)) == f"Redis uses {told}"


def test_a_name_that_is_known_and_refused_is_not_passed_on_as_it_came() -> None:
    refused = replace(WELL, login=answer(400, "webclient/login/"), attempt=None, api=None)
    found = [each for each in bad(refused) if each.check == "address"]
    assert [each.setting for each in found] == ["nginx_behind_proxy"]
    assert "a proxy in between must pass on Host" in found[0].message


def checks_of(seen: PublicState, name: str) -> list[CheckResult]:
    return [each for each in run_all(seen) if each.check == name]


@pytest.mark.parametrize(
    ("login", "path", "message"),
    [
        (
            answer(302, "webclient/login/", location="https://id.example.org/saml?x=secret"),
            "/webclient/login/",
            "leads to id.example.org: it works",
        ),
        (answer(200, "sso/", "<title>Sign in</title>"), "/sso/", "is the site's own: it works"),
        (answer(401, "sso/"), "/sso/", "is the site's own: it works"),
    ],
)
def test_single_sign_on_is_a_site_that_works_and_what_is_not_checked_is_said(
    login: Answer, path: str, message: str
) -> None:
    here = replace(WELL.local, login=path, own=login)
    seen = replace(WELL, login=login, local=here, static=None, attempt=None)
    (found,) = checks_of(seen, "login page")
    assert (found.status, found.setting) == ("info", "omero.web.login_view")
    assert message in found.message
    assert "does not check the login behind it" in found.message
    assert "secret" not in found.message
    assert bad(seen) == []


@pytest.mark.parametrize("status", [401, 404, 500])
def test_omero_web_s_own_login_page_must_be_there(status: int) -> None:
    seen = replace(WELL, login=answer(status, "webclient/login/"), attempt=None, static=None)
    (found,) = checks_of(seen, "login page")
    assert found.status == "error"


def test_a_login_form_of_a_facility_s_own_design_is_omero_web_s() -> None:
    page = replace(LOGIN_PAGE, text=LOGIN.replace("OMERO.web - Login", "Images of our institute"))
    assert bad(replace(WELL, login=page, attempt=page)) == []
