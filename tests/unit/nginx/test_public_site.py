"""What NGINX does for visitors without a login, as its configuration has it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roles import host_paths
from roles.nginx import public_site
from roles.nginx.templating import TEMPLATES
from roles.operations.files import Absent, Directory, File
from roles.survey.existing_nginx import ExistingNginx
from roles.target import Target
from tests.unit.helpers import SURVEY, a_host, mistakes_of, only_member, site_of
from tests.unit.nginx.test_site_config import config_of, served
from tests.unit.nginx_reader import Directive, location, mapped

PUBLIC: dict[str, Any] = {
    "omero.web.public.enabled": True,
    "omero.web.public.user": "public",
    "omero.web.public.url_filter": "^/webgateway/render_thumbnail/",
}
CACHED: dict[str, Any] = {"web_config": PUBLIC, "nginx_public_cache": True}


CACHE_WAY = "/omero-web-to/public"


def destination(config: Directive, uri: str, cookie: str = "", bare: str = "GET::::") -> str:
    """Where a request goes. bare: its method, Authorization and the length of its body."""
    anonymous = mapped(config, "$omero_web_anonymous", {"$http_cookie": cookie})
    asked = {
        "$request_method:$http_authorization:$http_transfer_encoding:$http_content_length": bare[
            :-1
        ],
        "$http_cookie": cookie,
        "$request_uri $http_referer": f"{uri} ",
    }
    found = mapped(config, "$omero_web_bare", asked) and anonymous
    secret = mapped(config, "$omero_web_secret", asked)
    asked["$omero_web_bare$omero_web_secret$request_uri"] = f"{found}{secret}{uri}"
    asked["$omero_web_large-$omero_web_session$omero_web_secret"] = f"-{secret}"
    return mapped(config, "$omero_web_destination", asked)


@pytest.mark.parametrize("prefix", ["", "/omero"])
@pytest.mark.parametrize(
    ("uri", "shared"),
    [
        ("/webgateway/render_thumbnail/51/", True),
        ("/webgateway/render_thumbnail/51", True),
        ("/webgateway/render_image_region/51/0/0/?tile=0,1,1&c=1|0:255$FF0000", True),
        ("/webclient/render_thumbnail/size/96/51/", True),
        ("/webgateway/imgData/51/", True),
        ("/webgateway/imgData/51/meta/", True),
        ("/webgateway/get_thumbnails/96/?id=1&id=2", True),
        ("/webgateway/dataset/1/children/", True),
        ("/api/v0/m/images/51/", True),
        ("/webclient/", False),
        ("/webclient/img_detail/51/", False),
        ("/webgateway/getImgRDef/", False),
        ("/webgateway/saveImgRDef/51/", False),
        ("/webgateway/archived_files/download/51/", False),
        ("/webgateway/render_movie/51/z/0/", False),
        ("/webgateway/render_ome_tiff/i/51/", False),
        ("/webgateway/render_thumbnail/51/../../../webclient/", False),
        ("/webgateway/render_thumbnail/%35%31/", False),
        ("/webgateway//render_thumbnail/51/", False),
        ("/api/v0/login/", False),
        ("/api/v0/token/", False),
        ("/api/v0/m/save/?bsession=1", False),
        ("/webgateway/imgData/51/?bsession=1", False),
        ("/webgateway/imgData/51/?username=a&p%61ssword=b", False),
        ("/other/webgateway/imgData/51/", False),
    ],
)
def test_images_and_metadata_are_shared(prefix: str, uri: str, shared: bool) -> None:
    config = config_of(**CACHED | {"web_config": PUBLIC | {"omero.web.prefix": prefix}})
    way = "public" if shared else "request$omero_web_secret"
    assert destination(config, prefix + uri) == way


@pytest.mark.parametrize(
    ("cookie", "bare", "shared"),
    [
        ("", "GET::::", True),
        ("", "HEAD::::", True),
        ("", "GET:::0:", True),
        ("_ga=1; csrftoken=x", "GET::::", True),
        ("my.sid=x", "GET::::", False),
        ('a="b; my.sid=x"', "GET::::", False),
        ("xmy.sid=x", "GET::::", False),
        ("my-sid=x", "GET::::", True),
        ("", "POST::::", False),
        ("", "PURGE::::", False),
        ("", "GET:Basic YTpi:::", False),
        ("", "GET::chunked::", False),
        ("", "GET:::7:", False),
    ],
)
def test_whoever_may_be_known_shares_nothing(cookie: str, bare: str, shared: bool) -> None:
    config = config_of(
        **CACHED | {"web_config": PUBLIC | {"omero.web.session_cookie_name": "my.sid"}}
    )
    found = destination(config, "/webgateway/imgData/51/", cookie, bare)
    assert (found == "public") == shared


def test_omero_web_gets_nothing_of_a_visitor_that_is_not_in_the_key() -> None:
    found = location(served(config_of(**CACHED)), CACHE_WAY)
    assert found is not None
    assert found.all("internal")
    assert found.value("proxy_pass_request_headers") == "off"
    key = found.value("proxy_cache_key")
    sent = {each.words[0]: each.words[-1] for each in found.all("proxy_set_header")}
    told = {"X-Request-ID", "X-Forwarded-For"}  # for OMERO.web's log
    for name, value in sent.items():
        assert name in told or value == "" or value in key, name
    assert "$request_uri" in key
    assert found.value("proxy_cache_valid") == "200 10m"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("200 ", True),
        ("200 Cookie", True),
        ("200 Accept-Encoding, origin,Cookie", True),
        ("200 *", False),
        ("200 Cookie, *", False),
        ("200 Accept-Language", False),
        ("200 CookieX", False),
        ("302 ", False),
        ("403 Cookie", False),
    ],
)
def test_an_answer_is_kept_if_it_varies_by_nothing_else(answer: str, kept: bool) -> None:
    found = mapped(
        config_of(**CACHED),
        "$omero_web_unshared",
        {"$upstream_status $upstream_http_vary": answer},
    )
    assert (found == "") == kept


def test_without_the_setting_nothing_is_kept_and_a_former_cache_goes() -> None:
    target = target_of(web_config=PUBLIC)
    config = config_of(web_config=PUBLIC)
    assert not config.all("proxy_cache_path")
    assert all(each.words != ("=", CACHE_WAY) for each in served(config).all("location"))
    assert {type(each) for each in public_site.items_without_cache(target)} == {Absent}
    assert public_site.items_without_cache(target_of(**CACHED)) == []
    made = {each.path: each for each in public_site.items(target_of(**CACHED))}
    assert made[host_paths.PUBLIC_CACHE] == Directory(
        host_paths.PUBLIC_CACHE, "www-data:root", "700"
    )
    survey = replace(SURVEY, nginx=ExistingNginx(version=(1, 28), user="nginx", group="nginx"))
    made = {
        each.path: each for each in public_site.items(replace(target_of(**CACHED), survey=survey))
    }
    assert made[host_paths.PUBLIC_CACHE] == Directory(host_paths.PUBLIC_CACHE, "nginx:root", "700")
    command = made[host_paths.PUBLIC_CACHE_COMMAND]
    assert isinstance(command, File) and "runuser -u nginx --" in command.content


def target_of(**data: Any) -> Target:
    site = site_of(a_host(**data))
    return Target(site, only_member(site), SURVEY)


@pytest.mark.parametrize(
    ("data", "there"),
    [
        ({}, False),
        ({"nginx_robots": True}, True),
        ({"web_config": PUBLIC}, True),
        ({"web_config": PUBLIC, "nginx_robots": False}, False),
    ],
)
def test_crawlers_are_kept_out_of_a_public_site(data: dict[str, Any], there: bool) -> None:
    found = location(served(config_of(**data)), "/robots.txt")
    assert found is not None
    assert (found.values("alias") == [host_paths.ROBOTS]) == there
    (robots,) = public_site.items(target_of(**data))
    assert isinstance(robots, File) == there


def test_a_robots_txt_of_the_site_s_own_lines_is_the_only_one() -> None:
    for line in ("location = /robots.txt { return 204; }", "location  =  /robots.txt{return 204;}"):
        web = PUBLIC | {"omero.web.nginx_server_extra_config": [line]}
        server = served(config_of(web_config=web))
        assert len([each for each in server.all("location") if "/robots.txt" in each.words]) == 1


def test_crawlers_are_kept_below_the_prefix() -> None:
    (robots,) = public_site.items(target_of(web_config=PUBLIC | {"omero.web.prefix": "/omero"}))
    assert isinstance(robots, File)
    disallowed = re.findall("(?m)^Disallow: (.*)$", robots.content)
    for path in ("webgateway/render_image/1/", "webclient/search/", "api/v0/", "webadmin/"):
        assert any(f"/omero/{path}".startswith(each) for each in disallowed), path
    for path in ("", "webclient/", "webclient/img_detail/1/", "webclient/userdata/"):
        assert not any(f"/omero/{path}".startswith(each) for each in disallowed), path


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"size": "1m"}, "size: 1m is less than 10m"),
        ({"time": "10"}, "time"),
        ({"time": "0s"}, "time"),
        ({"sise": "1g"}, "sise is not known"),
        ("1g", "nginx_public_cache"),
    ],
)
def test_a_wrong_cache_is_a_mistake(value: Any, said: str) -> None:
    found = mistakes_of(a_host(web_config=PUBLIC, nginx_public_cache=value))
    assert len(found) == 1
    assert said in found[0]
    assert 'must be True, or {"size": "1g"' in found[0]


def test_a_cache_needs_a_public_site() -> None:
    (found,) = mistakes_of(a_host(nginx_public_cache=True))
    assert "omero.web.public.enabled is off" in found
    assert mistakes_of(a_host(nginx_public_cache=False)) == []


def test_the_command_shows_and_removes_answers(tmp_path: Path) -> None:
    user = os.popen("id -un").read().strip()
    cache = tmp_path / "cache"
    text = TEMPLATES.get_template("omero-web-public-cache.j2").render(directory=cache, user=user)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", text, "command", *arguments], capture_output=True, text=True, check=False
        )

    assert "there is no cache" in run("empty").stderr
    (cache / "1/2f").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_text("x")
    for name in ("a b", "c\nd"):
        (cache / "1/2f" / name).write_text("x" * 10_000)
    (cache / "1/link").symlink_to(tmp_path)
    assert run("status").stdout.startswith("2 answers, ")
    assert run("empty").stdout.startswith("0 answers, ")
    assert outside.exists()
    for wrong in ((), ("emty",), ("--help",)):
        assert run(*wrong).returncode == 2
