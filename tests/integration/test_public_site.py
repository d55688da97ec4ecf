"""A public site on one host: robots.txt, the answers that visitors share, and who never shares."""

from __future__ import annotations

import functools
import http.client
import ipaddress
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omeroweb_ops.state import public_views

from roles.host_paths import PUBLIC_CACHE as CACHE
from roles.host_paths import PUBLIC_CACHE_COMMAND as CACHE_COMMAND
from tests.integration.client import Client
from tests.integration.conftest import MakeHost
from tests.integration.front_door import ACCESS_LOG
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.omero_server import ADA, User, omero_server
from tests.integration.site_checks import BASE, OMERODIR, assert_serves, django

PREFIX, COOKIE = "/omero", "my.sid"
PASSWORD = "secret-of-public"
PUBLIC: dict[str, Any] = {
    "omero.web.prefix": PREFIX,
    "omero.web.session_cookie_name": COOKIE,
    "omero.web.public.enabled": True,
    "omero.web.public.user": "public",
    "omero.web.public.password": PASSWORD,
    "omero.web.public.url_filter": f"^{PREFIX}/(webclient/(?!script)|webgateway/)",
}
THUMBNAIL = f"{PREFIX}/webgateway/render_thumbnail/1/"
SERVER, OWN_PORT = "/srv/identity_server.py", 4999
NOBODY = "nobody"


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    """With OMERO.web's own answers."""
    with make_session_host("systemd", name="public", image=deployed_systemd_image) as host:
        deploy(inventory(host))
        yield host


def inventory(host: Host, **data: Any) -> str:
    """Each request of these tests can come from an address of its own: limits are for each."""
    usual = {
        "nginx_public_cache": {"size": "20m", "time": "1h"},
        "nginx_behind_proxy": {"addresses": ["0.0.0.0/0"], "tls": False},
        "web_config": PUBLIC,
    }
    return docker_inventory(host, **{**usual, **data})


@pytest.fixture(scope="module")
def identity(host: Host) -> Host:
    """With a stand-in for OMERO.web that says who asks."""
    text = Path(__file__).with_name("identity_server.py").read_text("utf-8")
    host.write(SERVER, text)
    host.run("systemctl stop omero-web.socket omero-web.service")
    host.run(
        f"systemd-run --unit identity --setenv=SESSION_COOKIE={COOKIE} --setenv=PYTHONPATH=/srv "
        f"{BASE}/venv3/bin/gunicorn --bind unix:/run/omero-web.sock --bind 0.0.0.0:{OWN_PORT} "
        "--threads 8 identity_server:application"
    )
    host.wait_until(lambda: ask(host, "/", port=OWN_PORT).status == 200, 20, "the stand-in")
    return host


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def cached(self) -> str | None:
        return self.headers.get("X-Cache-Status")


Headers = tuple[tuple[str, str], ...]
_visitors = itertools.count()
address = functools.cache(lambda host: str(host.ip))


def ask(
    host: Host,
    uri: str,
    headers: Headers = (),
    method: str = "GET",
    port: int = 80,
    visitor: str | None = None,
) -> Answer:
    """One request, its headers as they are, several of one name too.

    visitor: the address that it comes from, by default a new one.
    """
    connection = http.client.HTTPConnection(address(host), port, timeout=30)
    own = visitor or str(ipaddress.IPv4Address("198.18.0.0") + next(_visitors))
    try:
        connection.putrequest(method, uri, skip_accept_encoding=True)
        for name, value in (("X-Forwarded-For", own), *headers):
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        answer = connection.getresponse()
        text = answer.read()
        found = dict(answer.getheaders())
        whole = found.get("Content-Type") == "application/json" and answer.status != 206
        return Answer(answer.status, found, json.loads(text) if text and whole else {})
    finally:
        connection.close()


def test_robots_and_pages(host: Host) -> None:
    robots = host.http("/robots.txt")
    assert robots.headers["Content-Type"].startswith("text/plain")
    assert f"Disallow: {PREFIX}/webgateway/" in robots.text.splitlines()
    assert_serves(host, PREFIX)
    assert host.run(f"stat -c '%a %U' {CACHE}").stdout == "700 www-data\n"
    assert deploy(inventory(host)).changed == 0


def test_the_views_of_the_release_are_known(host: Host) -> None:
    """Those of plugins are read in a release that has them (docs/development.md)."""
    command = f"{BASE}/venv3/bin/python -m omeroweb_ops.state.view_introspection"
    done = host.run(["env", f"OMERODIR={OMERODIR}", *command.split()], user="omero-web")
    found = {public_views.View(name, tuple(paths)) for name, *paths in json.loads(done.stdout)}
    plugins = {each for each in public_views.known() if each.app not in {own.app for own in found}}
    assert found == {*public_views.known()} - plugins
    opened = host.run("omeroweb-ops public-views").stdout
    assert "webgateway_render_thumbnail " in opened and "webadmin" not in opened


SESSIONS = """
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache import caches
from django.http import HttpResponse
from django.test import RequestFactory
from omeroweb_ops.ops.public_sessions import PublicSessionMiddleware
assert f"{PublicSessionMiddleware.__module__}.PublicSessionMiddleware" in settings.MIDDLEWARE
def view(request):
    request.session["connector"] = {"is_public": True, "user_id": 5}
    return HttpResponse()
store = caches["sessions"].client.get_client()
for path in ("/webgateway/render_thumbnail/1/", "/webgateway/imgData/1/"):
    for cookie in ("", f"{settings.SESSION_COOKIE_NAME}=forged0forged0forged0forged0forge"):
        before = store.dbsize()
        request = RequestFactory(HTTP_COOKIE=cookie).get(path)
        answer = SessionMiddleware(PublicSessionMiddleware(view))(request)
        print(store.dbsize() - before, len(answer.cookies), answer.get("Vary"))
"""


VISITOR = User("public", PASSWORD, "Public User", group="open")


def test_visitors_see_images_of_the_public_user_alone(host: Host) -> None:
    """Through OMERO.web, and an OMERO.server that refuses another password first."""
    with omero_server(host, VISITOR, ADA):
        wrong = {**PUBLIC, "omero.web.public.password": "wrong of the public user"}
        refused = deploy(inventory(host, web_config=wrong), expect=1)
        assert "omero.web.public.user: localhost:4064 refuses a login as 'public'" in refused.output
        assert "wrong of the public user" not in refused.output
        assert deploy(inventory(host)).changed == 0
        first, again = ask(host, THUMBNAIL), ask(host, THUMBNAIL)
        assert (first.status, first.cached, again.cached) == (200, "MISS", "HIT")
        assert first.headers["Content-Type"] == "image/jpeg"
        assert "Set-Cookie" not in {*first.headers, *again.headers}
        page = ask(host, f"{PREFIX}/webclient/")
        assert page.status == 200
        assert COOKIE in page.headers["Set-Cookie"]
        projects = f"{PREFIX}/webgateway/proj/list/"
        assert ask(host, projects).cached == "MISS"
        ada = Client(f"http://{host.ip}{PREFIX}", ADA).get("/webgateway/proj/list/")
        assert "X-Cache-Status" not in ada.headers
        assert "of ada" in ada.text
        assert "of ada" not in host.http(projects).text
        said = json.loads(host.run("omeroweb-ops doctor --json").stdout)["checks"]
        found = {each["name"]: each["status"] for each in said}
        assert {found[f"public {name}"] for name in ("views", "user", "admin")} == {"ok"}
        host.run(f"{CACHE_COMMAND} empty")


def test_an_image_stores_no_session(host: Host) -> None:
    """By Django's own middleware and the site's store. Django deletes a cookie nobody knows."""
    image, image_forged, *metadata = django(host, SESSIONS).splitlines()
    assert (image, image_forged) == ("0 0 None", "0 1 Cookie")
    assert metadata == ["1 1 Cookie", "1 1 Cookie"]


def test_visitors_share_an_answer_until_the_cache_is_emptied(identity: Host) -> None:
    uri = f"{THUMBNAIL}?cookie=1&vary=Cookie"  # as OMERO.web answers a public visitor
    first, again = ask(identity, uri), ask(identity, uri, (("Cookie", "_ga=1"),))
    head = ask(identity, uri, method="HEAD")
    assert (first.cached, again.cached, head.cached) == ("MISS", "HIT", "HIT")
    assert first.body == again.body
    assert not {"Set-Cookie"} & {*first.headers, *again.headers}
    assert "HIT" in identity.read(ACCESS_LOG).splitlines()[-1].split()[-1]
    own = ask(identity, uri, (("Cookie", f"{COOKIE}=ada"),))
    assert (own.cached, own.body["who"]) == (None, "cookie ada")
    assert own.headers["Set-Cookie"].startswith(COOKIE)
    assert identity.run(f"{CACHE_COMMAND} status").stdout.startswith("1 answers")
    assert identity.run(f"{CACHE_COMMAND} empty").stdout.startswith("0 answers")
    assert (ask(identity, uri).cached, ask(identity, uri).cached) == ("MISS", "HIT")
    deploy(inventory(identity), deploy_file="roles.nginx.public_cache.empty")
    assert ask(identity, uri).cached == "MISS"
    for other in (f"{PREFIX}/webclient/", f"{PREFIX}/webgateway/getImgRDef/"):
        assert ask(identity, other).cached is None


NAMES = st.sampled_from([COOKIE, COOKIE.upper(), f"x{COOKIE}", f"{COOKIE}x", "my_sid", "csrftoken",
                         "", "$Version", f" {COOKIE}", f"{COOKIE}\t", f'"{COOKIE}"'])  # fmt: skip
VALUES = st.sampled_from(
    ["ada", "eve", "", '""', '"ada"', '"a; b"', " ada", "ada ", '"', "=", "\xe9"]
)
CHUNKS = st.builds("{}={}".format, NAMES, VALUES) | st.sampled_from(
    [COOKIE, "", '"', f"a={COOKIE}"]
)
COOKIES = st.builds(
    lambda chunks, mark: mark.join(chunks),
    st.lists(CHUNKS, max_size=3), st.sampled_from(["; ", ";", " ;", ", ", "\t;"]),
)  # fmt: skip
OTHERS = st.lists(
    st.sampled_from([
        ("Authorization", "Basic YTpi"), ("Authorization", ""), ("X-Omero-Session", "ada"),
        ("X-Requested-With", "XMLHttpRequest"), ("Origin", "https://a.example"),
        ("Origin", "https://b.example"), ("Accept", "text/html"), ("Range", "bytes=0-3"),
        ("If-None-Match", "*"), ("Cache-Control", "no-cache"), ("Content-Length", "0"),
        ("X-Forwarded-Host", "evil.example"), ("X-Accel-Expires", "9"),
    ]), max_size=3, unique_by=lambda each: each[0],
)  # fmt: skip
HEADERS = st.builds(
    lambda cookies, others: (*(("Cookie", each) for each in cookies), *others),
    st.lists(COOKIES, max_size=2), OTHERS,
)  # fmt: skip
REQUESTS = st.tuples(HEADERS, st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "OPTIONS"]))
CREDENTIALS = ["", "bsession=eve", "b%73ession=eve", "username=eve&password=x", "username=eve",
               "x=1&bsessio%6E=eve", "password=x&%75sername=eve"]  # fmt: skip
PATHS = ["webgateway/render_thumbnail/1/", "webgateway/render_image/1/0/0/", "webgateway/imgData/1",
         "webclient/render_thumbnail/1/", "api/v0/m/images/1/", "webgateway/getImgRDef/",
         "webgateway/render_thumbnail/../../webclient/", "webgateway/render_thumbnail/1/%2e%2e/",
         "webgateway//render_thumbnail/1/"]  # fmt: skip
QUERIES = st.builds(
    lambda *parts: "&".join(filter(None, parts)),
    st.sampled_from(
        ["", "", "vary=Cookie", "vary=*", "vary=Accept-Language", "vary=Cookie,Origin"]
    ),
    st.sampled_from(["", "", "cookie=1"]),
    st.sampled_from(["", "", "control=private", "control=no-store", "control=max-age=60"]),
    st.sampled_from(["", "", "status=204", "status=302", "status=403", "status=404", "status=500"]),
)  # fmt: skip


@example("webgateway/render_thumbnail/1/", "cookie=1", [
    ((), "GET", ""), ((("Cookie", f"{COOKIE}=ada"),), "GET", ""), ((), "GET", "bsession=eve"),
    ((("X-Omero-Session", "ada"),), "GET", ""), ((), "GET", ""),
])  # fmt: skip
@given(
    st.sampled_from(PATHS),
    QUERIES,
    st.lists(
        st.builds(lambda request, known: (*request, known), REQUESTS, st.sampled_from(CREDENTIALS)),
        min_size=2, max_size=5,
    ),
)  # fmt: skip
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_whoever_is_known_never_shares(
    identity: Host, path: str, query: str, requests: list[tuple[Headers, str, str]]
) -> None:
    """What comes from the cache was given to nobody, and who is somebody gets an own answer.

    Who asks is what gunicorn and Django read from the same request without NGINX.
    """
    for headers, method, known in requests:
        asked = "&".join(filter(None, (known, query)))
        reference = ask(identity, f"/?{known}", headers, port=OWN_PORT)
        who, before = reference.body["who"], reference.body["number"]
        answer = ask(identity, f"{PREFIX}/{path}?{asked}", headers, method)
        assert answer.status != 429
        if answer.cached is not None:
            assert method in ("GET", "HEAD")
            assert who == NOBODY or who.startswith("header ")
            assert "Set-Cookie" not in answer.headers
        if answer.cached == "HIT":
            assert answer.status in (200, 206, 304)  # NGINX's own for Range and If-None-Match
            assert not {"vary=*", "vary=Accept-Language", "control=private", "control=no-store"} & {
                *query.split("&")
            }
        if "who" in answer.body:
            fresh = answer.body["number"] > before
            assert fresh or answer.cached == "HIT"
            assert answer.body["who"] == (NOBODY if answer.cached else who)
            assert answer.body["uri"] == f"{PREFIX}/{path}?{asked}"
            if answer.cached:
                assert answer.body["origin"] == dict(headers).get("Origin", "")


def test_nothing_of_anybody_is_on_the_disk(identity: Host) -> None:
    """After all of the above."""
    kept = identity.run(f"find {CACHE} -type f -exec cat {{}} +").stdout
    assert f'"who": "{NOBODY}"' in kept
    assert kept.count('"who": ') == kept.count(f'"who": "{NOBODY}"')


def test_a_stranger_is_limited_but_not_for_images(identity: Host) -> None:
    def statuses(path: str, count: int, headers: Headers = ()) -> Counter[int]:
        uri = f"{PREFIX}/{path}"
        answers = (ask(identity, uri, headers, visitor="203.0.113.7") for _ in range(count))
        return Counter(each.status for each in answers)

    assert {*statuses("webgateway/render_thumbnail/1/?control=no-store", 700)} == {200}
    pages = statuses("webclient/", 700)
    assert pages[200] >= 600 and pages[429] > 0
    assert statuses("webgateway/imgData/1/", 20)[429] > 0
    assert {*statuses("webgateway/render_image/1/", 20)} == {200}
    assert {*statuses("webclient/", 20, (("Cookie", f"{COOKIE}=ada"),))} == {200}


def test_the_cache_is_as_large_as_the_setting_says(identity: Host) -> None:
    def megabytes() -> int:
        return int(identity.run(f"du -sm {CACHE}").stdout.split()[0])

    for number in range(30):
        answer = ask(identity, f"{THUMBNAIL}?size=1000000&n={number}")
        assert (answer.status, answer.cached) == (200, "MISS")
    identity.wait_until(lambda: megabytes() <= 21, 30, "NGINX's cache manager")
    assert megabytes() > 10


def test_a_cache_that_is_not_set_any_more_is_removed(identity: Host) -> None:
    identity.run("systemctl stop identity; systemctl start omero-web.socket omero-web.service")
    deploy(inventory(identity, nginx_public_cache=False, nginx_robots=False))
    assert not identity.exists(CACHE)
    assert not identity.exists(CACHE_COMMAND)
    assert identity.http("/robots.txt").status_code == 404
    assert_serves(identity, PREFIX)
