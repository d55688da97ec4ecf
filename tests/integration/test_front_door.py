"""The front door of one host, as visitors, programs, proxies and an examiner of TLS meet it."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import string
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest
import requests

from tests.certificates import issue, key_pem
from tests.integration.conftest import MakeHost
from tests.integration.front_door import (
    ACCESS_LOG,
    AUTHORITY,
    LIVE,
    NAME,
    PLUGGED,
    RENEWED,
    asked,
    assert_answers_logins,
    count_sessions,
    files,
    install_plugin,
    log_in,
    log_length,
    pids,
    renew,
    served,
    start_outer_proxy,
    store_session,
    store_sessions,
    valid_sessions,
    wait_for_certificate,
)
from tests.integration.hosts import Deployment, Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.limits import measured, small_var
from tests.integration.site_checks import assert_maintenance, assert_serves
from tests.integration.slow import half_requests, slow_readers, slow_writers, upload

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BLACK_HOLE = "192.0.2.1"  # of no network (RFC 5737)
MOST = 300  # requests of one address
PREFIXED: dict[str, Any] = {"web_config": {"omero.web.prefix": "/omero"}}


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    """With 2 GB of memory, and 2 GB of disk for /var in it."""
    with make_session_host("systemd", name="front-door", image=deployed_systemd_image) as host:
        host.container.update(mem_limit="2g", memswap_limit="2g")
        small_var(host, "2g")
        yield host


@pytest.fixture(scope="module")
def plain(host: Host) -> Host:
    """Over http, with a plug-in."""
    deploy(docker_inventory(host))
    install_plugin(host)
    # Packets that arrive here for another host are dropped.
    host.run(f"ip route add {BLACK_HOLE} dev lo")
    more = {"omero.web.server_list": [[BLACK_HOLE, 4064, "hole"]]}
    deploy(docker_inventory(host, **PLUGGED, web_config=more, nginx_max_connections=MOST))
    return host


def test_static_files_are_small_typed_and_kept(plain: Host) -> None:
    css = "/static/webgateway/css/ome.body.css"
    original = len(plain.http(css, headers={"Accept-Encoding": "identity"}).content)
    answer = plain.http(f"{css}?_5.33.2", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < original / 2
    assert len(answer.content) == original
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Vary"] == "Accept-Encoding"
    again = plain.http(css, headers={"If-None-Match": plain.http(css).headers["ETag"]})
    assert again.status_code == 304
    assert again.headers["Cache-Control"] == "public, max-age=3600"
    gone = plain.http("/static/gone.css?_1")
    assert gone.status_code == 404
    assert "Cache-Control" not in gone.headers
    types = {
        "webgateway/css/ome.body.css": "text/css",
        "3rdparty/jquery-3.6.2.min.js": "javascript",
        "webclient/image/logo_login_web.png": "image/png",
        "webgateway/img/ome.ico": "image/x-icon",
    }
    for name, kind in types.items():
        assert kind in plain.http(f"/static/{name}").headers["Content-Type"]


def test_a_static_file_of_another_release_is_served_at_once_and_one_of_the_release_before_stays(
    plain: Host,
) -> None:
    """At once: before a worker of that release answers, which takes longer than a second."""

    def answers() -> set[tuple[int, str]]:
        found = [plain.http("/static/own.css?_1", timeout=5) for _ in range(30)]
        return {(each.status_code, each.text) for each in found}

    def release(name: str, text: str) -> None:
        """Another release with its own file, as a deploy makes it active."""
        folder = f"/opt/omero/web/releases/{name}"
        plain.run(f"cp -al $(readlink -f /opt/omero/web/venv3) {folder}")
        plain.run(f"rm -f {folder}/static/own.css")  # a link to the file of the release before
        plain.write(f"{folder}/static/own.css", text)
        plain.run("ln -sfT $(readlink -f /opt/omero/web/venv3) /opt/omero/web/previous")
        plain.run(f"ln -sfT {folder} /opt/omero/web/venv3.new")
        plain.run("mv -T /opt/omero/web/venv3.new /opt/omero/web/venv3")

    links = plain.run("cd /opt/omero/web && readlink venv3; readlink previous || true").stdout
    try:
        release("own-1", "one")
        assert answers() == {(200, "one")}
        release("own-2", "two")
        plain.wait_until(lambda: answers() == {(200, "two")}, 3, "the file of the release")
        plain.run("rm /opt/omero/web/releases/own-2/static/own.css")
        plain.wait_until(lambda: answers() == {(200, "one")}, 3, "the file of the release before")
        plain.run("rm /opt/omero/web/releases/own-1/static/own.css")
        plain.wait_until(lambda: {each for each, _ in answers()} == {404}, 3, "no file")
    finally:
        active, previous = [*links.splitlines(), ""][:2]
        plain.run(f"ln -sfT {active} /opt/omero/web/venv3")
        linked = f"ln -sfT {previous} /opt/omero/web/previous"
        plain.run(linked if previous else "rm -f /opt/omero/web/previous")
        plain.run("rm -rf /opt/omero/web/releases/own-*")


@pytest.mark.parametrize("path", ["/static/", "/static/webgateway/", "/static/webgateway/css/"])
def test_no_folder_is_listed(plain: Host, path: str) -> None:
    answer = plain.http(path)
    assert answer.status_code in (403, 404)
    assert "ome.body.css" not in answer.text


def test_headers_of_the_page_and_none_of_https(plain: Host) -> None:
    headers = plain.http("/webclient/login/").headers
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    assert headers["Server"] == "nginx"
    assert headers["Content-Encoding"] == "gzip"


def test_a_stranger_s_headers_are_not_believed(plain: Host) -> None:
    forged = {
        "X-Forwarded-For": "192.0.2.99",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Request-ID": "forged-request-id",
    }
    answer = plain.http("/webclient/?forged", headers=forged)
    assert answer.headers["X-Request-ID"] != "forged-request-id"
    assert "evil.example" not in answer.headers["Location"]
    assert "192.0.2.99" not in plain.read(ACCESS_LOG)


def test_one_id_is_in_both_logs_and_no_password_is(plain: Host) -> None:
    answer = plain.http("/webclient/?username=ada&password=hunter2")
    identity = answer.headers["X-Request-ID"]
    log = plain.wait_until(
        lambda: [line for line in plain.read(ACCESS_LOG).splitlines() if identity in line],
        10,
        "NGINX's log",
    )
    assert re.search(r'"GET /webclient/\?\(left out\) HTTP/1\.1" \d+ .* [\d.]+ [\d.]+$', log[0])
    visitor = log[0].split()[0]
    assert visitor != "127.0.0.1"
    journal = plain.wait_until(
        lambda: re.findall(
            f".*{identity}.*", plain.run("journalctl -u omero-web -o cat -n 200").stdout
        ),
        20,
        "gunicorn's log",
    )
    assert re.search(rf'^{re.escape(visitor)} "GET /webclient/" \d+ \d+ \S+ \d+ms$', journal[0])
    assert (
        "hunter2"
        not in plain.run("journalctl -u omero-web -o cat; cat /var/log/nginx/*.log").stdout
    )


def test_ops_is_for_this_machine_alone(plain: Host) -> None:
    for path in (
        "/ops/metrics",
        "/%6fps/metrics",
        "/webclient/../ops/metrics",
        "//ops/metrics",
    ):
        connection = http.client.HTTPConnection(plain.ip, timeout=30)
        connection.request("GET", path, headers={"X-Forwarded-For": "127.0.0.1"})
        assert connection.getresponse().status == 403, path
        connection.close()
    own = plain.run("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/ops/metrics")
    assert own.stdout == "200"


def test_logs_are_rotated(plain: Host) -> None:
    plain.run("logrotate -f /etc/logrotate.d/nginx")
    plain.wait_until(
        lambda: plain.http("/webclient/login/?rotated") and "rotated" in plain.read(ACCESS_LOG),
        20,
        "the new log",
    )
    assert plain.exists(f"{ACCESS_LOG}.1")


def test_a_challenge_of_acme_is_answered(plain: Host) -> None:
    plain.write("/var/www/omero-web-acme/.well-known/acme-challenge/token", "token.thumb")
    answer = plain.http("/.well-known/acme-challenge/token")
    assert answer.text == "token.thumb"


def test_an_upload_of_who_is_logged_in_reaches_omero_web_whole(plain: Host) -> None:
    cookie, size = store_session(plain), 30_000_000
    answer = plain.http(
        "/large/form", method="POST", headers={"Cookie": cookie}, data=b"x" * size, timeout=60
    )
    assert answer.text == str(size)
    assert upload(plain.ip, "/large/form", size, f"Cookie: {cookie}") == 200  # in chunks
    assert plain.http("/large/form", method="POST", data=b"x" * 200_000).text == "200000"


def large_uploads(host: Host, strangers: ThreadPoolExecutor) -> list[Future[int]]:
    """Twenty of people who are not logged in, each of 200 MB."""
    size = 200_000_000
    sessions = [
        "Accept: text/html",
        "Cookie: sessionid=forged0forged0forged0forged0forge",
        f"Cookie: {store_session(host, user=None)}",
        f"Cookie: {store_session(host, public=True)}",
        "Cookie: sessionid=",
    ]
    return [
        strangers.submit(upload, host.ip, path, size, session, length)
        for session in sessions
        for length in (f"Content-Length: {size}", "Accept-Language: en")
        for path in ("/large/form", "/webclient/login/")
    ]


def test_strangers_all_at_once_leave_the_site_to_others(plain: Host) -> None:
    """Slow ones, large uploads, and logins to an OMERO.server in a black hole."""

    def guess(number: int) -> int:
        name = ("bsession", "b%73ession", "bsessio%6E")[number % 3]
        return plain.http(f"/webclient/?server=1&{name}={number}", timeout=60).status_code

    users = store_sessions(plain, 100)
    plain.run("systemctl restart nginx")  # nobody has been counted
    processes, sessions = pids(plain), count_sessions(plain)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        used = stack.enter_context(measured(plain))
        strangers = stack.enter_context(ThreadPoolExecutor(100))
        stack.enter_context(slow_readers(plain.ip, "/large/large", 100))
        stack.enter_context(slow_writers(plain.ip, "/large/form", 100, 100_000))
        stack.enter_context(half_requests(plain.ip, 2000))
        logins = [strangers.submit(log_in, plain) for _ in range(40)]
        uploads = large_uploads(plain, strangers)
        wait(logins, return_when=FIRST_COMPLETED)  # all of them have been let in
        guesses = Counter(strangers.map(guess, range(2000)))
        for each in logins:
            assert_answers_logins(each.result())
        refusals = Counter(each.result() for each in uploads)
        let_in = 100 + (time.monotonic() - began) / 5 + 1
    processes_after = pids(plain)
    plain.run("systemctl restart nginx")
    assert {status for status, _seconds in used.pages} == {200}
    assert max(seconds for _status, seconds in used.pages) < 5, used
    assert used.disk < 0.5 * 2**20, used
    assert used.memory < 1.5 * 2**30, used
    assert used.kills == 0
    assert processes_after == processes
    assert valid_sessions(plain, users) == len(users)
    assert {*refusals} <= {413, 429}, refusals  # with a session so many large ones are too many
    assert refusals[413] >= 8
    assert guesses[429] >= 2000 - let_in, guesses
    assert 0 < count_sessions(plain) - sessions <= let_in


def test_what_is_too_large_is_refused_in_words(plain: Host) -> None:
    told = plain.http("/large/form", method="POST", data=b"x" * 2_000_000)
    assert "too large" in told.text
    told = plain.http("/api/v0/login/", method="POST", data=b"x" * 2_000_000)
    assert told.json()["error"] == "too_large"


def test_one_address_has_its_share_and_no_more(plain: Host) -> None:
    def login_page() -> requests.Response:
        return plain.http("/webclient/login/", headers={"Accept": "text/html"})

    with contextlib.ExitStack() as slow:
        slow.enter_context(slow_writers(plain.ip, "/large/form", MOST, 100_000))

        def limited() -> bool:
            slow.enter_context(slow_writers(plain.ip, "/large/form", 2, 100_000))
            return login_page().status_code == 429

        plain.wait_until(limited, 10, "the limit")
        refused = login_page()
        assert "Too many requests" in refused.text
        assert int(refused.headers["Retry-After"]) > 0
        assert plain.http("/api/v0/").json()["error"] == "too_many_requests"
    plain.wait_until(lambda: login_page().status_code == 200, 10, "an end of the limit")


def complaints_of(page: Page, host: Host) -> list[str]:
    """What the browser holds against the site's own pages, scripts and answers from now on."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        # not of what the page asks of other servers, which a closed network has not
        lambda said: (
            found.append(f"{said.type}: {said.text}")
            if host.ip in said.location["url"] and said.type in ("error", "warning")
            else None
        ),
    )
    return found


def test_first_and_second_visit_of_a_browser(plain: Host, browser: Browser) -> None:
    page = browser.new_context().new_page()
    url = f"http://{plain.ip}/webclient/login/"
    complaints = complaints_of(page, plain)
    before = log_length(plain)
    page.goto(url, wait_until="networkidle")
    first = dict(asked(plain, before))
    parts = {path: size for path, size in first.items() if path != "/webclient/login/"}
    assert len(parts) > 10, parts
    assert sum(parts.values()) <= 80_000, parts
    before = log_length(plain)
    page.goto("about:blank")
    page.goto(url, wait_until="networkidle")
    assert [path for path, _size in asked(plain, before)] == ["/webclient/login/"]
    assert complaints == []
    page.context.close()


def test_the_viewer_shows_an_image_with_these_headers(
    plain: Host, browser: Browser, screenshots: Path
) -> None:
    page = browser.new_context().new_page()
    complaints = complaints_of(page, plain)
    # lookup tables: what OMERO.web itself asks of the OMERO.server, which is not there
    page.route(
        "**/webgateway/luts/*", lambda each: each.fulfill(json={"luts": [], "png_luts_new": []})
    )
    page.goto(f"http://{plain.ip}/large/viewer", wait_until="networkidle")
    page.wait_for_function("document.querySelector('#weblitz-viewport-img').naturalWidth == 64")
    page.screenshot(path=screenshots / "viewer.png")
    assert complaints == []
    page.context.close()


def test_omero_web_answers_a_login(plain: Host) -> None:
    assert_answers_logins(log_in(plain))


def test_fifty_people_get_in_and_guessing_ends(plain: Host) -> None:
    def once(number: int) -> int:
        return plain.http(
            "/webclient/login/", method="POST", data={"username": str(number)}, timeout=120
        ).status_code

    plain.run("systemctl restart nginx")  # nobody has been counted
    with ThreadPoolExecutor(10) as people:
        course = Counter(people.map(once, range(50)))
        assert 429 not in course, course
        flood = Counter(people.map(once, range(100)))
    assert flood[429] >= 30, flood
    refused = plain.http(
        "/webclient/login/", method="POST", headers={"Accept": "text/html"}, data={"a": "b"}
    )
    assert refused.status_code == 429
    assert "Too many logins" in refused.text
    assert int(refused.headers["Retry-After"]) > 0
    program = plain.http("/api/v0/login/", method="POST", data={"a": "b"})
    assert program.status_code == 429
    assert program.json()["error"] == "too_many_logins"
    query = plain.http("/webclient/?username=ada&passw%6frd=x")
    assert query.status_code == 429
    assert plain.http("/webclient/login/").status_code == 200


def test_no_log_has_a_password_or_a_session_key(plain: Host) -> None:
    """Where too many ask, where OMERO.web is away, and in the addresses of pages, too."""
    urls = ["/webclient/?username=a&password=hunter3", "/webclient/?server=1&b%73ession=hunter3"]
    urls += ["/static/gone.css?password=hunter3", "/ops/metrics?password=hunter3"]
    pages = [{"Referer": f"http://{plain.ip}{url}"} for url in urls]

    def ask() -> None:
        for url in urls:
            plain.http(url)
        for page in pages:
            for path in ("/webclient/login/", "/static/gone.css", "/ops/metrics"):
                plain.http(path, headers=page)
            plain.http("/large/form", method="POST", headers=page, data=b"x" * 2_000_000)

    ask()
    for number in range(150):
        if plain.http(f"{urls[0]}{number}").status_code == 429:
            break
    assert plain.http(urls[0]).status_code == 429
    plain.run("omero web stop && systemctl restart nginx")  # nobody has been counted
    try:
        ask()
    finally:
        plain.run("omero web start")
    away = r"\(left out\) HTTP/1.1. 503"
    plain.wait_until(lambda: re.search(away, plain.read(ACCESS_LOG)), 10, "NGINX's log")
    assert re.search(r"\(left out\) HTTP/1.1. 429", plain.read(ACCESS_LOG))
    logs = plain.run("cat /var/log/nginx/*.log; journalctl -o cat").stdout
    assert "hunter3" not in logs
    plain.run("systemctl restart nginx")


def test_gunicorn_is_told_nothing_by_a_visitor_s_header(plain: Host) -> None:
    """By default NGINX drops names with an underscore; a site's own configuration may not."""
    lines = "/etc/nginx/conf.d/underscores.conf"
    plain.write(lines, "underscores_in_headers on;\n")
    plain.run("systemctl reload nginx")
    try:
        for header in ({"SCRIPT_NAME": "/x"}, {"PATH_INFO": "/ops/metrics"}):
            answer = plain.http("/x/ops/metrics", headers=header)
            assert answer.status_code == 404
            assert "omeroweb_" not in answer.text
    finally:
        plain.run(f"rm {lines} && systemctl reload nginx")


def test_logs_are_for_administrators_from_the_first(plain: Host) -> None:
    stated = plain.run(f"stat -c '%a %U:%G' {ACCESS_LOG}*").stdout.splitlines()
    assert {*stated} == {"640 www-data:adm"}


def unmask(token: str) -> str:
    """The secret in a CSRF token: 32 characters of a mask, then 32 that are moved by it
    (django/middleware/csrf.py, _unmask_cipher_token)."""
    alphabet = string.ascii_letters + string.digits
    pairs = zip(token[:32], token[32:], strict=True)
    return "".join(alphabet[(alphabet.index(b) - alphabet.index(a)) % 62] for a, b in pairs)


def test_requests_in_threads_keep_what_is_their_own(plain: Host) -> None:
    """Two workers of five threads: no visitor gets what belongs to another's request."""

    def visit(number: int) -> int:
        with requests.Session() as visitor:
            for turn in range(15):
                own = f"show=image-{number}00{turn}"
                page = visitor.get(
                    f"http://{plain.ip}/webclient/login/", params={"url": f"/webclient/?{own}"}
                )
                secret = visitor.cookies["csrftoken"]
                (form,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text))
                assert unmask(form) == secret
                assert own in unquote(page.text)
                token = visitor.get(f"http://{plain.ip}/api/v0/token/").json()["data"]
                assert unmask(token) == secret
                led = visitor.get(f"http://{plain.ip}/webclient/?{own}", allow_redirects=False)
                assert (led.status_code, quote(own) in led.headers["Location"]) == (302, True)
        return number

    with ThreadPoolExecutor(20) as visitors:
        assert sorted(visitors.map(visit, range(20))) == [*range(20)]


@pytest.fixture(scope="module")
def own(host: Host, plain: Host, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """With a certificate of its own, below a prefix."""
    pair = files(tmp_path_factory.mktemp("own"), issue(NAME, issuer=AUTHORITY))
    data = {**PREFIXED, "nginx_tls": pair, "nginx_server_name": NAME}
    run = deploy(docker_inventory(host, **data))
    assert deploy(docker_inventory(host, **data)).changed_operations == ()
    return run


def test_the_public_url_is_printed_and_plain_http_leads_to_it(host: Host, own: Deployment) -> None:
    assert f"OMERO.web is at https://{NAME}/omero/" in own.output
    answer = host.http("/omero/webclient/?x=1", host_header=NAME)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{NAME}/omero/webclient/?x=1"
    for path in ("/", "/omero"):
        assert host.http(path, scheme="https").headers["Location"] == "/omero/"


def test_only_the_site_s_own_names_are_served(host: Host, own: Deployment) -> None:
    path = "/omero/webclient/login/"
    for scheme, status in (("https", 200), ("http", 301)):
        for name in (NAME, NAME.upper(), None):  # and this machine's address
            assert host.http(path, scheme=scheme, host_header=name).status_code == status
        for name in ("evil.example", f"{NAME}.evil.example"):
            answer = host.http(path, scheme=scheme, host_header=name)
            assert answer.status_code == 421
            assert name not in answer.text
    api = host.http("/omero/api/v0/", scheme="https", headers={"X-Forwarded-Host": "evil.example"})
    assert f"https://{NAME}/omero/api/" in api.text
    checked = "curl -sko /dev/null -w '%{http_code}' https://localhost/omero/ops/metrics"
    assert host.run(checked).stdout == "200"
    allowed = host.run("omero config get omero.web.allowed_hosts").stdout
    assert json.loads(allowed) == [NAME, "localhost", "127.0.0.1", "[::1]"]


def test_below_a_prefix_too_large_bodies_are_of_who_is_logged_in(
    host: Host, own: Deployment
) -> None:
    path = "/omero/webclient/login/"
    for cookie, status in (("sessionid=forged", 413), (store_session(host), 403)):  # 403: no CSRF
        sent = {"Cookie": cookie}
        answer = host.http(path, scheme="https", method="POST", headers=sent, data=b"x" * 2_000_000)
        assert answer.status_code == status


def test_the_page_its_files_and_its_cookies(host: Host, own: Deployment) -> None:
    assert_serves(host, prefix="/omero", scheme="https")
    answer = host.http("/omero/webclient/login/", scheme="https", host_header=NAME)
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"
    cookie = answer.headers["Set-Cookie"]
    assert "csrftoken=" in cookie
    assert "Path=/omero" in cookie
    assert "Secure" in cookie
    static = host.http("/omero/static/webgateway/css/ome.body.css?_1", scheme="https")
    assert "immutable" in static.headers["Cache-Control"]
    assert static.headers["Strict-Transport-Security"] == "max-age=63072000"


def test_omero_web_answers_a_login_below_a_prefix(host: Host, own: Deployment) -> None:
    assert_answers_logins(log_in(host, "https", "/omero"))


def test_http_2_is_spoken(host: Host, own: Deployment) -> None:
    asked = "curl -sk -o /dev/null -w '%{http_version} %{http_code}' https://127.0.0.1"
    assert host.run(f"{asked}/omero/webclient/login/").stdout == "2 200"


def test_the_maintenance_page_comes_by_https_too(host: Host, own: Deployment) -> None:
    host.run("omero web stop")
    assert_maintenance(host, "/omero/webclient/", scheme="https")
    sent = {"Cookie": "sessionid=forged"}  # of which nobody can be asked
    assert_maintenance(
        host, "/omero/", scheme="https", method="POST", headers=sent, data=b"x" * 2_000_000
    )
    host.run("omero web start")


def test_an_examiner_finds_nothing(host: Host, own: Deployment, tmp_path: Path) -> None:
    """Mozilla's recommendation "intermediate", by sslyze."""
    uv, python = str(ROOT / ".venv/bin/uv"), str(tmp_path / "venv/bin/python")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, tmp_path / "venv"], check=True)
    lock = str(ROOT / "tests/integration/sslyze.txt")
    install = ["pip", "install", "-q", "--python", python, "--require-hashes", "-r", lock]
    subprocess.run([uv, *install], check=True)
    done = subprocess.run(
        [python, "-m", "sslyze", "--mozilla_config=intermediate", f"{host.ip}:443"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "VULNERABLE - " not in done.stdout, done.stdout
    _scan, _, judged = done.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
    # the tests' own authority is in nobody's store
    found = re.findall(r"^\s+\* (\w+)", judged, re.MULTILINE)
    assert found == ["certificate_path_validation"], done.stdout


def test_a_file_swap_on_the_host_is_picked_up(host: Host, own: Deployment) -> None:
    renewed = issue(NAME, issuer=AUTHORITY)
    folder = "/etc/nginx/omero-web"
    host.write(f"{folder}/certificate.pem", renewed.chain)
    # half a swap: the one before goes on being served
    half = host.run(RENEWED, check=False)
    assert half.exit_code != 0
    assert "key values mismatch" in half.stderr
    assert served(host).serial_number != renewed.certificate.serial_number
    host.write(f"{folder}/key.pem", renewed.key_pem, "0600")
    wait_for_certificate(host, renewed)
    assert "NGINX is reloaded" in host.read("/var/log/nginx/omero-web-certificate.log")
    assert host.run(RENEWED).stdout == ""


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("key", "nginx_tls: the key does not match the certificate"),
        ("expired", "expired on"),
        ("name", f"not for {NAME}"),
        ("passphrase", "key: has a passphrase"),
    ],
)
def test_a_wrong_one_is_refused_before_anything_is_touched(
    host: Host, own: Deployment, tmp_path: Path, broken: str, told: str
) -> None:
    end = timedelta(hours=-1) if broken == "expired" else timedelta(days=80)
    one = issue("other.example" if broken == "name" else NAME, issuer=AUTHORITY, end=end)
    keys = {"key": issue("x").key_pem, "passphrase": key_pem(one.key, b"secret")}
    data = {**PREFIXED, "nginx_server_name": NAME}
    data["nginx_tls"] = files(tmp_path, one, keys.get(broken))
    before = host.snapshot()
    run = deploy(docker_inventory(host, **data), expect=1)
    assert told in run.output
    assert "nothing has been changed" in run.output
    assert host.snapshot().touched_since(before) == []


def test_a_certificate_of_the_host_is_used_in_its_place_and_its_renewal_picked_up(
    host: Host, plain: Host
) -> None:
    pair = {"certificate": f"{LIVE}/fullchain.pem", "key": f"{LIVE}/privkey.pem"}
    text = docker_inventory(host, nginx_tls=pair, nginx_server_name=NAME)
    missing = deploy(text, expect=1)
    assert f"{LIVE}/fullchain.pem is neither on this machine nor on the host" in missing.output
    renew(host, 0, issue("x").key_pem)
    wrong = deploy(text, expect=1)
    assert "the key does not match the certificate" in wrong.output
    first = renew(host, 1)
    deploy(text)
    wait_for_certificate(host, first)
    assert_answers_logins(log_in(host, "https"))
    second = renew(host, 2)
    host.run(RENEWED)  # what certbot's deploy hook calls
    wait_for_certificate(host, second)
    assert deploy(text).changed_operations == ()


@pytest.mark.parametrize("prefix", ["", "/omero"])
def test_behind_a_proxy_that_ends_tls(host: Host, plain: Host, prefix: str) -> None:
    start_outer_proxy(host, issue(NAME), 8443)
    data: dict[str, Any] = {
        "nginx_behind_proxy": ["127.0.0.1"],
        "nginx_server_name": NAME,
        "web_config": {"omero.web.prefix": prefix},
    }
    run = deploy(docker_inventory(host, **data))
    assert f"OMERO.web is at https://{NAME}{prefix}/" in run.output
    answer = host.http(f"{prefix}/webclient/login/", scheme="https", port=8443)
    assert answer.status_code == 200
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]
    assert answer.headers["X-Request-ID"] == "from-the-outer-proxy"
    assert_answers_logins(log_in(host, "https", prefix, port=8443))
    log = host.read(ACCESS_LOG).splitlines()
    (line,) = [each for each in log if "from-the-outer-proxy" in each and "POST" in each][-1:]
    visitor = line.split()[0]
    assert visitor != "127.0.0.1"
    direct = host.http(f"{prefix}/webclient/login/", headers={"X-Forwarded-For": "192.0.2.1"})
    assert "Strict-Transport-Security" not in direct.headers
    assert "192.0.2.1" not in host.read(ACCESS_LOG)
    assert deploy(docker_inventory(host, **data)).changed_operations == ()


def test_a_self_signed_certificate_serves(host: Host, plain: Host) -> None:
    deploy(docker_inventory(host, nginx_tls="self-signed"))
    assert_serves(host, scheme="https")
    assert host.http("/").status_code == 301
    assert deploy(docker_inventory(host, nginx_tls="self-signed")).changed_operations == ()
    ending = issue(host.ip, end=timedelta(days=20))
    host.write("/etc/nginx/omero-web/certificate.pem", ending.pem)
    host.write("/etc/nginx/omero-web/key.pem", ending.key_pem, "0600")
    deploy(docker_inventory(host, nginx_tls="self-signed"))
    assert host.read("/etc/nginx/omero-web/certificate.pem") != ending.pem
    assert deploy(docker_inventory(host, nginx_tls="self-signed")).changed_operations == ()
    deploy(docker_inventory(host))
    assert not host.exists(RENEWED)
    assert_serves(host)


def test_without_systemd_logs_are_rotated_and_a_renewal_is_picked_up(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host, nginx_tls="self-signed"))
    assert_serves(host, scheme="https")
    host.run("logrotate -f /etc/logrotate.d/nginx; run-parts --regex omero /etc/cron.daily")
    host.wait_until(
        lambda: host.http("/?rotated") and "rotated" in host.read(ACCESS_LOG), 20, "the new log"
    )
    renewed = issue(host.ip)
    host.write("/etc/nginx/omero-web/certificate.pem", renewed.pem)
    host.write("/etc/nginx/omero-web/key.pem", renewed.key_pem, "0600")
    wait_for_certificate(host, renewed)
