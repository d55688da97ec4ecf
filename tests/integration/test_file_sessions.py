"""web_sessions = file: where sessions lie, how they end, and what clears them out."""

from __future__ import annotations

import json
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
def site(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    with make_session_host("plain", image=deployed_image) as host:
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
    (job,) = (each for each in jobs if "clearsessions" in each)
    _minute, _hour, _day, _month, _weekday, user, command = job.split(None, 6)
    # cron's environment: nothing but these
    done = site.run(["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", command], user=user)
    assert done.exit_code == 0
    left = site.run(f"ls {SESSIONS}").stdout.split()
    assert f"sessionid{live}" in left
    assert f"sessionid{expired}" not in left
    log = f"{OMERODIR}/var/log/clearsessions.log"
    last = site.read(log).splitlines()[-1]
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:+-]+ clearsessions done: \d+ expired", last), last
    assert site.run(["stat", "-c", "%U", log]).stdout.strip() == "omero-web"


# Thousands of files as years leave them; what Django's own command makes of the same folder.
MIXED = """
import os, random, time
from pathlib import Path
from django.conf import settings
from django.contrib.sessions.backends.file import SessionStore
folder, chance = Path(settings.SESSION_FILE_PATH), random.Random(6)
hex32 = lambda: "%032x" % chance.getrandbits(128)
encode = SessionStore().encode
texts = [
    encode({"user": "ada"}).encode(), encode({"images": [*range(200)]}).encode(), b"", b"spoiled",
    encode({"user": "ada"}).encode()[:-2],
    *(encode({"_session_expiry": own, "images": [*range(200)]}).encode()
      for own in (0, 5, -5, "2020-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00")),
]
for number in range(4000):
    file = folder / ("sessionid" + hex32())
    file.write_bytes(texts[number % len(texts)])
    if chance.random() < 0.5:
        os.utime(file, (0, 0))
for name in ("readme", "sessionid", "csrftoken" + hex32(), "sessionidABCDEFGHIJ"):
    (folder / name).write_bytes(texts[0])
    os.utime(folder / name, (0, 0))
(folder / ("sessionid" + hex32())).mkdir()
"""
BY_DJANGO = """
from django.contrib.sessions.backends.file import SessionStore
SessionStore._storage_path = "/tmp/copy"
SessionStore.clear_expired()
"""


def test_of_thousands_of_mixed_files_the_same_are_left_as_by_django(site: Host) -> None:
    django(site, MIXED)
    site.run(f"cp -a {SESSIONS} /tmp/copy")
    before = len(site.run(f"find {SESSIONS} -type f").stdout.split())
    django(site, BY_DJANGO)
    done = site.run("omero web clearsessions")
    left = site.run(f"cd {SESSIONS} && find . -type f | sort").stdout
    assert left == site.run("cd /tmp/copy && find . -type f | sort").stdout
    assert {"./readme", "./sessionid", "./sessionidABCDEFGHIJ"} <= set(left.split())
    removed = before - len(left.split())
    assert f"{removed} expired sessions removed" in done.stdout
    kept = json.loads(site.read(f"{OMERODIR}/var/clearsessions.json"))
    assert (kept["removed"], kept["failed"]) == (removed, None)

    sessions = {name for name in left.split() if re.fullmatch(r"\./sessionid[a-z0-9]+", name)}
    flushed = site.run("omeroweb-ops sessions flush --yes").stdout
    assert f"done: {len(sessions)} sessions removed" in flushed
    after = site.run(f"cd {SESSIONS} && find . -type f").stdout.split()
    assert {*after} == {*left.split()} - sessions


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
    assert json.loads(site.read(f"{OMERODIR}/var/clearsessions.json"))["failed"]


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
