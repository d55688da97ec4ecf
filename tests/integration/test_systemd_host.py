"""One systemd host, deployed through `docker exec`: the first run, the second, and day two."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Deployment, Host, deploy, docker_inventory, wait_until
from tests.integration.site_checks import (
    BASE,
    OMERODIR,
    assert_maintenance,
    assert_serves,
    django,
    master,
    pids,
)

STARTED = "systemctl show -P ActiveEnterTimestampMonotonic omero-web"


# All of it on Debian 13 with `-m sweep`; test_debian_13 is the part for every run.
@pytest.fixture(
    scope="module", params=["bookworm", pytest.param("trixie", marks=pytest.mark.sweep)]
)
def host(make_session_host: MakeHost, request: pytest.FixtureRequest) -> Iterator[Host]:
    with make_session_host("systemd", request.param) as host:
        yield host


@pytest.fixture(scope="module")
def first(host: Host) -> Deployment:
    return deploy(docker_inventory(host))


@pytest.fixture
def site(host: Host, first: Deployment) -> Host:
    """The host as the default inventory has it."""
    return host


def test_the_first_run_ends_with_the_login_page_at_the_printed_url(
    site: Host, first: Deployment
) -> None:
    printed = re.search(r"OMERO\.web is at http://([^/\s]+)/", first.output)
    assert printed
    assert printed[1] == site.ip
    assert_serves(site)
    # NGINX has its sandbox, though its package started it without
    assert "NoNewPrivs:\t1" in site.read(f"/proc/{site.read('/run/nginx.pid').strip()}/status")


def test_a_second_run_changes_and_restarts_nothing(site: Host) -> None:
    deploy(docker_inventory(site))  # whatever another test left behind
    before = pids(site)
    second = deploy(docker_inventory(site))
    assert second.changed_operations == ()
    assert pids(site) == before
    assert all(before.values()), before


def test_the_service_runs_as_its_own_user_and_keeps_its_secrets(site: Host) -> None:
    assert {process.user for process in site.processes("gunicorn")} == {"omero-web"}
    listed = site.run(
        f"stat -c '%a %U %n' {OMERODIR}/etc/grid {OMERODIR}/var/sessions {BASE}/state "
        f"{BASE}/state/desired.json {OMERODIR}/var/django_secret_key"
    ).stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [
        ["750", "omero-web"],
        ["700", "omero-web"],
        ["750", "root"],
        ["640", "root"],
        ["600", "omero-web"],
    ]
    readable = site.run(f"cat {OMERODIR}/etc/grid/config.xml", user="www-data", check=False)
    assert readable.exit_code != 0


def test_stop_shows_the_maintenance_page_until_someone_starts(site: Host) -> None:
    assert site.run("omero web stop").exit_code == 0
    stopped = time.monotonic()
    status = site.run("omero web status", check=False)
    assert status.exit_code != 0
    assert_maintenance(site)
    assert_maintenance(site, "/webclient/login/", method="POST", data={"username": "x"})
    api = site.http("/api/v0/")
    assert api.status_code == 503
    assert api.json()["error"] == "maintenance"
    assert int(api.headers["Retry-After"]) > 0
    # nothing may bring it back: no visitor, no timer, no supervisor
    while time.monotonic() - stopped < 15:
        assert_maintenance(site, "/")
        time.sleep(1)
    assert not site.processes("gunicorn")
    assert site.run("omero web start", user="omero-web").exit_code == 0
    assert_serves(site)
    assert site.run("omero web status", user="omero-web").exit_code == 0


def test_starting_a_running_service_starts_no_second_one(site: Host) -> None:
    before = pids(site)["omero-web"]
    assert site.run("omero web start").exit_code == 0
    assert pids(site)["omero-web"] == before
    assert site.run("omero web restart", user="omero-web").exit_code == 0
    assert len({p.cmdline for p in site.processes("gunicorn")}) == 1
    assert not set(pids(site)["omero-web"]) & set(before)


def test_a_killed_master_comes_back_without_a_raw_error(site: Host) -> None:
    """Worst case for a visitor: the page, or 200 a little late."""
    site.kill(master(site))

    def back() -> bool:
        answer = site.http("/webclient/login/", timeout=120)
        assert answer.status_code in (200, 503)
        if answer.status_code == 503:
            assert "OMERO.web - Maintenance" in answer.text
        return answer.status_code == 200

    wait_until(back, 10, "200 after kill -9")


def test_one_changed_property_changes_itself_alone_and_reloads(site: Host) -> None:
    deploy(docker_inventory(site))
    before = pids(site)
    started = site.run(STARTED).stdout
    failures: list[str] = []
    done = threading.Event()

    def visit() -> None:
        while not done.wait(0.05):
            try:
                status = site.http("/webclient/login/", timeout=120).status_code
            except requests.RequestException as error:
                failures.append(repr(error))
            else:
                if status != 200:
                    failures.append(str(status))

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        changed = deploy(
            docker_inventory(
                site, web_config={"omero.web.login_incorrect_credentials_text": "Try again"}
            )
        )
    finally:
        done.set()
        visitor.join()
    assert not failures
    assert changed.changed_operations == (
        "OMERO.web | Write files",
        "OMERO.web | Apply configuration",
        "OMERO.web | Run omero-web",
    )
    after = pids(site)
    assert {name: after[name] for name in ("redis", "nginx", "cron")} == {
        name: before[name] for name in ("redis", "nginx", "cron")
    }
    assert site.run(STARTED).stdout == started  # handed over, not restarted
    assert not {*after["omero-web"]} & {*before["omero-web"]}
    text = django(
        site, "from django.conf import settings as s\nprint(s.LOGIN_INCORRECT_CREDENTIALS_TEXT)"
    )
    assert text == "Try again"
    back = deploy(docker_inventory(site))
    assert "OMERO.web | Apply configuration" in back.changed_operations
    assert "login_incorrect" not in site.run("omero config get").stdout


def test_workers_and_port_follow_their_properties(site: Host) -> None:
    deploy(
        docker_inventory(
            site,
            web_config={
                "omero.web.application_server.port": 4081,
                "omero.web.wsgi_workers": 2,
            },
        )
    )
    assert_serves(site)
    wait_until(lambda: len(site.processes("gunicorn")) == 3, 40, "a master and two workers")
    listening = site.run("cat /proc/net/tcp").stdout
    assert f":{4081:04X}" in listening
    assert f":{4080:04X} 00000000:0000 0A" not in listening
    deploy(docker_inventory(site))
    assert_serves(site)


def test_an_nginx_line_that_is_wrong_never_reaches_its_place(site: Host) -> None:
    name = "omero.web.nginx_server_extra_config"
    isolated = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }
    lines = [f"add_header {header} {value};" for header, value in isolated.items()]
    deploy(docker_inventory(site, web_config_append={name: lines}))
    page = site.http("/webclient/login/")
    script = re.search(r'src="(/static/[^"]+\.js[^"]*)"', page.text)
    assert script is not None
    for answer in (page, site.http(script[1])):
        assert answer.status_code == 200
        assert isolated.items() <= dict(answer.headers).items()
    configuration = site.read("/etc/nginx/conf.d/omero-web.conf")
    bad = deploy(docker_inventory(site, web_config={name: ["no_such_directive on;"]}), expect=1)
    assert "no_such_directive" in bad.output
    assert site.read("/etc/nginx/conf.d/omero-web.conf") == configuration
    assert site.run("nginx -t").exit_code == 0
    assert_serves(site)
    deploy(docker_inventory(site))


def test_a_health_check_by_http_1_0_without_a_host_sees_the_login_page(site: Host) -> None:
    with socket.create_connection((site.ip, 80), timeout=30) as connection:
        connection.sendall(b"GET /webclient/login/ HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"OMERO.web - Login" in answer


def test_everything_is_up_again_after_a_reboot(site: Host) -> None:
    site.reboot()
    wait_until(lambda: site.http("/webclient/login/").status_code == 200, 60, "200 after boot")
    assert_serves(site)
    assert all(pids(site).values())


def test_sessions_are_in_redis_apart_from_the_cache(site: Host) -> None:
    key = django(
        site,
        "from importlib import import_module\nfrom django.conf import settings\n"
        "s = import_module(settings.SESSION_ENGINE).SessionStore()\n"
        "s['who'] = 'ada'\ns.save()\n"
        "from django.core.cache import cache\ncache.set('thumb', 1)\ncache.clear()\n"
        "print(s.session_key)",
    )
    counts = site.run("omero-web-redis -n 0 dbsize; omero-web-redis -n 1 dbsize").stdout.split()
    assert counts[0] == "0"
    assert int(counts[1]) >= 1
    read = (
        "from importlib import import_module\nfrom django.conf import settings\n"
        f"print(import_module(settings.SESSION_ENGINE).SessionStore('{key}').get('who'))"
    )
    assert django(site, read) == "ada"
    site.run("systemctl restart redis-server")
    assert django(site, read) == "ada"  # the append-only file
    policy = site.run("omero-web-redis config get maxmemory-policy").stdout.split()
    assert policy[-1] == "noeviction"

    assert site.run("omeroweb-ops sessions flush", check=False).exit_code == 2  # not confirmed
    assert django(site, read) == "ada"
    django(site, "from django.core.cache import cache\ncache.set('thumb', 1)")
    done = site.run("omeroweb-ops sessions flush --yes").stdout
    assert int(done.split("done: ")[1].split()[0]) >= 1
    assert django(site, read) == "None"
    assert site.run("omero-web-redis -n 0 dbsize").stdout.split() == ["1"]  # the cache stays


def test_clearsessions_says_that_redis_does_it(site: Host) -> None:
    done = site.run("omero web clearsessions")
    assert "nothing to do" in done.stdout
    assert "nothing to do" in site.read(f"{OMERODIR}/var/log/clearsessions.log")


def test_the_default_site_is_gone(site: Host) -> None:
    assert "Welcome to nginx" not in site.http("/").text
    assert not site.exists("/etc/nginx/sites-enabled/default")


def test_a_new_master_is_started_after_every_kill(site: Host) -> None:
    """Upstream's service never comes back; systemd's own limit (5 in 10 s) must not stop ours."""
    for _ in range(7):
        killed = master(site)
        site.kill(killed)
        site.wait_until(lambda old=killed: master(site) != old, 20, "up")  # type: ignore[misc]
    site.wait_until(lambda: site.http("/webclient/login/").status_code == 200, 30, "200")
