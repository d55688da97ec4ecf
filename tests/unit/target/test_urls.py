"""The public URL, and what counts as an answer to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from roles.inventory.settings import Settings
from roles.nginx import smoke_test
from roles.target import Target, urls
from tests.unit.helpers import SURVEY, a_host, site_of

TITLE = "OMERO.web - Login"
STATUS = "status 200 http://omero.example/webclient/login/"


def url(name: str = "@local", ip: str = SURVEY.ip, **data: Any) -> str:
    reached_as = data.pop("reached_as", None)
    site = site_of(a_host(name, reached_as=reached_as, **data))
    return urls.public_url(Target(site, site.members[name], replace(SURVEY, ip=ip)))


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("@local", {}, "http://localhost/"),
        ("@local", {"nginx_http_port": 8080}, "http://localhost:8080/"),
        ("@local", {"nginx_tls": "self-signed"}, "https://localhost/"),
        (
            "@local",
            {"nginx_tls": "self-signed", "nginx_https_port": 8443},
            "https://localhost:8443/",
        ),
        ("@local", {"nginx_tls": "self-signed", "nginx_http_port": 8080}, "https://localhost/"),
        ("@local", {"nginx_server_name": "omero.example"}, "http://omero.example/"),
        ("@local", {"nginx_server_name": "a.example b.example"}, "http://a.example/"),
        ("@local", {"web_config": {"omero.web.prefix": "/omero"}}, "http://localhost/omero/"),
        ("@local", {"web_config": {"omero.web.prefix": "/omero/"}}, "http://localhost/omero/"),
        ("@local", {"address": "10.0.0.5"}, "http://10.0.0.5/"),
        ("@local", {"address": "fd00::5", "nginx_http_port": 81}, "http://[fd00::5]:81/"),
        ("@docker/one", {}, "http://10.0.0.9/"),
        ("web.example", {"reached_as": "web.example"}, "http://web.example/"),
        (
            "web.example",
            {"reached_as": "web.example", "nginx_server_name": "omero.example"},
            "http://omero.example/",
        ),
    ],
)
def test_the_public_url_is_what_visitors_type(
    name: str, data: dict[str, Any], expected: str
) -> None:
    assert url(name, **data) == expected


def test_a_host_that_knows_no_address_of_its_own_is_localhost() -> None:
    assert url("@docker/one", ip="") == "http://localhost/"


@pytest.mark.parametrize("names", ["*.example.org omero.example.org", "_ omero.example.org"])
def test_a_pattern_is_no_name_that_visitors_type(names: str) -> None:
    assert url(nginx_server_name=names) == "http://omero.example.org/"


def test_the_port_is_that_of_visitors() -> None:
    plain = Settings(nginx_http_port=81, nginx_https_port=444)
    assert urls.port(plain) == 81
    assert urls.port(plain.model_copy(update={"nginx_tls": "self-signed"})) == 444


@pytest.mark.parametrize(
    "answer",
    [
        [TITLE, STATUS],
        [TITLE, STATUS, "static 200 /static/x.css"],
        # a site's own templates; NGINX's header shows whose answer it is
        ["status 200 http://omero.example/omero/index/", "site"],
        ["status 200 http://omero.example/webclient/", "site", "static 200 /static/x.css"],
        ["status 302 http://omero.example/", "elsewhere https://id.example.org/", "site"],
    ],
)
def test_the_login_page_with_its_static_file_is_an_answer(answer: list[str]) -> None:
    assert smoke_test.problem_in(answer) is None


def test_during_planned_maintenance_its_503_is_an_answer_and_no_other_error_is() -> None:
    closed = "planned maintenance is on"
    assert smoke_test.problem_in([closed, "status 503 http://omero.example/"]) is None
    assert (
        smoke_test.problem_in([closed, TITLE, STATUS]) is None
    )  # loopback is in nginx_maintenance_allow
    for answer in (["status 500 http://omero.example/"], ["curl: (7) Failed to connect"]):
        assert smoke_test.problem_in([closed, *answer]) is not None


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([], "no answer"),
        (["curl: (7) Failed to connect"], "Failed to connect"),
        (["status 503 http://omero.example/"], "503"),
        ([f"{TITLE} - not", "status 200 http://x/"], "status 200"),
        ([TITLE, STATUS, "static 404 /static/x.css"], "static 404 /static/x.css"),
        (["status 200 http://x/index/", "static 404 /static/x.css"], "static 404 /static/x.css"),
        (["status 503 http://x/index/", "site"], "503"),
        (["status 200 http://x/webclient/login/"], "status 200"),  # of another site
        (["status 200 http://x/", "site", "static 404 /static/x.css"], "static 404"),
        (["status 302 http://x/", "elsewhere https://y/"], "elsewhere https://y/"),
    ],
)
def test_anything_else_is_told(answer: list[str], told: str) -> None:
    problem = smoke_test.problem_in(answer)
    assert problem is not None
    assert told in problem
