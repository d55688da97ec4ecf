"""Downloads that outlast every timeout, and an OMERO.server in a black hole, on one host."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.integration.conftest import MakeHost
from tests.integration.front_door import store_session, valid_sessions
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import OMERODIR
from tests.packages import plugin

WORKERS, TIMEOUT, LIVENESS = 2, 12, 15  # seconds
# NGINX takes 128 MB of an answer; what is above that keeps a thread.
RATE, SIZE = 16_000_000, 500_000_000  # bytes a second, bytes
BLACK_HOLE = "192.0.2.1"  # of no network (RFC 5737)
LOGIN = "/webclient/login/"

# As omeroweb.webclient.views.download_original_file answers: chunks of a file of OMERO.server's.
VIEWS = """
from types import SimpleNamespace
from django.conf import settings
from omeroweb.decorators import ConnCleaningHttpResponse

def download(request, size):
    def chunks(left):
        while left > 0:
            yield bytes(min(left, settings.CHUNK_SIZE))
            left -= settings.CHUNK_SIZE
    response = ConnCleaningHttpResponse(chunks(size))
    response.conn = SimpleNamespace(close=lambda hard=False: None)
    response["Content-Length"] = str(size)
    return response
"""
URLS = (
    "from django.urls import path\nfrom . import views\n"
    "urlpatterns = [path('<int:size>', views.download)]\n"
)


@pytest.fixture(scope="module")
def site(
    make_session_host: MakeHost,
    deployed_systemd_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Host]:
    files = {"views.py": VIEWS, "urls.py": URLS}
    wheel = str(plugin(tmp_path_factory.mktemp("plugin"), "streams", files))
    with make_session_host("systemd", name="slow", image=deployed_systemd_image) as host:
        properties = {
            "omero.web.wsgi_workers": WORKERS,
            "omero.web.wsgi_timeout": TIMEOUT,
            "omero.web.server_list": [[BLACK_HOLE, 4064, "hole"]],
        }
        # Packets that arrive here for another host are dropped.
        host.run(f"ip route add {BLACK_HOLE} dev lo || ip route replace {BLACK_HOLE} dev lo")
        deploy(
            docker_inventory(
                host,
                web_config=properties,
                web_liveness=LIVENESS,
                web_plugins=[{"package": "streams", "app": "streams", "wheel": wheel}],
            )
        )
        yield host


def fetch(host: Host) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["Referer"] = f"http://{host.ip}{LOGIN}"
    return session


def log_in(host: Host, answers: list[tuple[int, str]]) -> None:
    with fetch(host) as visitor:
        visitor.get(f"http://{host.ip}{LOGIN}", timeout=30)
        form = {"username": "ada", "password": "geheim", "server": "1"}
        form["csrfmiddlewaretoken"] = visitor.cookies["csrftoken"]
        answer = visitor.post(f"http://{host.ip}{LOGIN}", form, timeout=120)
        answers.append((answer.status_code, answer.text))


def workers(host: Host) -> set[str]:
    return {*host.run(f"ls {OMERODIR}/var/workers").stdout.split()}


def service(host: Host) -> str:
    return host.run("systemctl show omero-web -p MainPID,NRestarts").stdout


def ask_for_the_page(site: Host, busy: Callable[[], bool]) -> list[tuple[int, float]]:
    """Ask for the login page again and again: each status, and the seconds that it took."""
    seen = []
    while busy():
        began = time.monotonic()
        with fetch(site) as visitor:
            status = visitor.get(f"http://{site.ip}{LOGIN}", timeout=60).status_code
        seen.append((status, time.monotonic() - began))
        time.sleep(0.2)
    return seen


def assert_fast(pages: list[tuple[int, float]]) -> None:
    assert pages
    assert {status for status, _seconds in pages} == {200}
    assert max(seconds for _status, seconds in pages) < 2, pages


def test_slow_downloads_arrive_whole_and_leave_the_site_to_others(site: Host) -> None:
    before = service(site)
    command = [
        *("curl", "-s", "--noproxy", "*", "--limit-rate", str(RATE), "-o", "/dev/null"),
        *("-w", "%{http_code} %{size_download} %{time_total}"),
        f"http://{site.ip}/streams/{SIZE}",
    ]
    with contextlib.ExitStack() as stack:
        downloads = [
            stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            for _ in range(2 * WORKERS)
        ]
        pages = ask_for_the_page(site, lambda: any(each.poll() is None for each in downloads))
        reports = [each.communicate()[0].split() for each in downloads]
    for status, size, seconds in reports:
        assert (status, int(size)) == ("200", SIZE)
        assert float(seconds) > max(TIMEOUT, LIVENESS)
    assert_fast(pages)
    assert service(site) == before


@pytest.mark.parametrize("number", [WORKERS, 5])
def test_logins_without_a_server_leave_the_site_to_others(site: Host, number: int) -> None:
    for _ in range(number - len(workers(site))):
        site.run("kill -TTIN $(systemctl show -p MainPID --value omero-web)")  # one worker more
    site.wait_until(lambda: len(workers(site)) == number, 20, f"{number} workers")
    before = service(site), workers(site)
    answers: list[tuple[int, str]] = []
    logins = [threading.Thread(target=log_in, args=(site, answers)) for _ in range(40)]
    for each in logins:
        each.start()
    pages = ask_for_the_page(site, lambda: any(each.is_alive() for each in logins))
    assert_fast(pages)
    assert [status for status, _text in answers] == [200] * 40
    assert all("Server is not responding" in text for _status, text in answers)
    assert (service(site), workers(site)) == before


def test_nobody_is_logged_out_while_the_server_is_unreachable(site: Host) -> None:
    cookie = store_session(site)
    for _ in range(2):
        answer = site.http("/webclient/", headers={"Cookie": cookie})
        assert answer.status_code == 503
        assert "Set-Cookie" not in answer.headers
    assert site.http("/webclient/").status_code == 302
    assert valid_sessions(site, [cookie]) == 1


def test_no_log_has_a_line_or_a_password_of_a_visitor_s(site: Host) -> None:
    path = "/a%0aforged%0db%1b[31m%c2%85c%e2%80%a8d?username=ada&password=geheim"
    site.run(f"curl -gs -o /dev/null 'http://127.0.0.1{path}'")
    site.run(f"curl -gs -o /dev/null 'http://127.0.0.1:4080{path}'")
    journal = site.run("journalctl -q -u omero-web -o cat --no-pager").stdout
    own = site.read(f"{OMERODIR}/var/log/OMEROweb.log")
    for text in (journal, own):
        assert "forged" in text
        assert "geheim" not in text
        assert not re.search("^forged", text, re.M)
        assert all(line.isprintable() for line in text.split("\n"))


def test_numbers_that_a_crash_leaves_are_no_worker_s(site: Host) -> None:
    workers = f"{OMERODIR}/var/workers"
    site.run(f"echo stale > {workers}/1; systemctl kill -s KILL omero-web")
    site.wait_until(lambda: site.http(LOGIN).status_code == 200, 60, "the login page")
    site.wait_until(
        lambda: len(site.run(f"ls {workers}").stdout.split()) == WORKERS, 20, "two workers"
    )
    assert "1" not in site.run(f"ls {workers}").stdout.split()
