"""web_sessions = file: where sessions lie, how they end, and what clears them out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import OMERODIR, assert_serves, django

SESSIONS = f"{OMERODIR}/var/sessions"
SAVE = """
from importlib import import_module
from django.conf import settings
s = import_module(settings.SESSION_ENGINE).SessionStore()
s['who'] = 'ada'
s.set_expiry({age})
s.save()
print(s.session_key)
"""


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost) -> Iterator[Host]:
    with make_session_host("plain") as host:
        deploy(
            docker_inventory(
                host,
                ("web", "nginx"),
                web_config={
                    "omero.web.session_expire_at_browser_close": False,
                    "omero.web.session_cookie_age": 3600,
                },
            )
        )
        yield host


def test_without_redis_sessions_are_files_in_the_service_s_own_folder(site: Host) -> None:
    assert_serves(site)
    key = django(site, SAVE.format(age=600))
    listed = site.run(f"stat -c '%U %a' {SESSIONS}/sessionid{key}").stdout.split()
    assert listed[0] == "omero-web"
    assert site.run(f"stat -c '%U %a' {SESSIONS}").stdout.split() == ["omero-web", "700"]


def test_the_cron_job_s_own_command_removes_expired_sessions_and_keeps_live_ones(
    site: Host,
) -> None:
    live, expired = django(site, SAVE.format(age=600)), django(site, SAVE.format(age=-5))
    jobs = [
        line for line in site.read("/etc/cron.d/omero-web").splitlines() if re.match(r"[\d*]", line)
    ]
    (job,) = jobs
    _minute, _hour, _day, _month, _weekday, user, command = job.split(None, 6)
    assert user == "omero-web"
    # cron's environment: nothing but these
    done = site.run(["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", command], user=user)
    assert done.exit_code == 0
    left = site.run(f"ls {SESSIONS}").stdout.split()
    assert f"sessionid{live}" in left
    assert f"sessionid{expired}" not in left
    last = site.read(f"{OMERODIR}/var/log/clearsessions.log").splitlines()[-1]
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:+-]+ clearsessions done: \d+ expired", last), last


def test_two_clearsessions_never_run_at_once(site: Host) -> None:
    site.run(
        f"flock {OMERODIR}/var/clearsessions.lock omero web clearsessions > /tmp/second 2>&1",
        user="omero-web",
    )
    assert "another clearsessions is running" in site.read("/tmp/second")


def test_a_clearsessions_that_fails_can_be_seen(site: Host) -> None:
    site.run(f"mv {SESSIONS} {SESSIONS}.away && touch {SESSIONS}")
    try:
        done = site.run("omero web clearsessions", check=False)
    finally:
        site.run(f"rm {SESSIONS} && mv {SESSIONS}.away {SESSIONS}")
    assert done.exit_code != 0
    assert "failed" in site.read(f"{OMERODIR}/var/log/clearsessions.log").splitlines()[-1]


@pytest.mark.parametrize(("at_close", "age"), [(False, 3600), (True, 3600), (False, 120)])
def test_session_cookies_live_as_configured(site: Host, at_close: bool, age: int) -> None:
    """An authenticated session (made through Django) gets its cookie from the real service."""
    deploy(
        docker_inventory(
            site,
            ("web", "nginx"),
            web_config={
                "omero.web.session_expire_at_browser_close": at_close,
                "omero.web.session_cookie_age": age,
            },
        )
    )
    cookie = django(
        site,
        "from django.conf import settings\n"
        "from django.contrib.sessions.middleware import SessionMiddleware\n"
        "from django.http import HttpResponse\n"
        "from django.test import RequestFactory\n"
        "def view(request):\n"
        "    request.session['connector'] = {'user': 'ada'}\n"
        "    return HttpResponse()\n"
        "print(SessionMiddleware(view)(RequestFactory().get('/')).cookies['sessionid'].output())",
    )
    assert "HttpOnly" in cookie
    if at_close:
        assert "Max-Age" not in cookie
        assert "expires" not in cookie
    else:
        assert f"Max-Age={age}" in cookie
