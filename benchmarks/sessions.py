"""Expired session files cleared out on a host: by Django's own command, and by the bundle's.

The files lie in memory: the pace of a disk, which has to write down each removal, is left out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from benchmarks.fleet import fleet
from benchmarks.measurement import SIDES, Measurement, Side, in_turn
from benchmarks.terminal import run_alone
from tests.integration.hosts import Fleet, Host, deploy, docker_inventory
from tests.integration.site_checks import BASE, OMERODIR, django

# A session as a login leaves it, saved once by Django and then copied: only names and times differ.
MAKE = """
import os, secrets, time
from django.conf import settings
from django.contrib.sessions.backends.file import SessionStore
number, live, own = {number}, {live}, {own}
age = settings.SESSION_COOKIE_AGE
connector = dict(server_id="1", is_secure=True, is_public=False, user_id=2,
                 omero_session_key="0b3b6e3f-3a1c-4d0f-8ae7-61b9c4d1b9a8")
data = dict(connector=connector, active_group=3, user_id=2, clipboard=dict(images=[*range(20)]))
plain = SessionStore().encode(data).encode()
past = "2020-01-01T00:00:00+00:00"
expiring = SessionStore().encode(dict(data, _session_expiry=past)).encode()
now = time.time()
folder = os.open(settings.SESSION_FILE_PATH, os.O_RDONLY)
for at in range(number):
    name = settings.SESSION_COOKIE_NAME + secrets.token_hex(16)
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    os.write(file, expiring if at < own else plain)
    written = now - (0 if at < own + live else 2 * age)
    os.utime(file, (written, written))
    os.close(file)
"""
UPSTREAM = f"env OMERODIR={OMERODIR} {BASE}/venv3/bin/omero web clearsessions"
OURS = "omero web clearsessions"
COMMANDS: dict[Side, str] = {"documented": UPSTREAM, "bundle": OURS}
MIXTURE = "100,000, of which 30,000 live"
SESSIONS = f"{OMERODIR}/var/sessions"


def fill(host: Host, number: int, live: int = 0, own: int = 0) -> None:
    """number files, of which some are live, and some expired by an expiry of their own."""
    host.run(f"find {SESSIONS} -type f -delete")
    django(host, MAKE.format(number=number, live=live, own=own))


def left(host: Host) -> int:
    return int(host.run(f"find {SESSIONS} -type f | wc -l").stdout)


def times(host: Host, command: str) -> tuple[float, float]:
    """Seconds on the clock, and of all cores."""
    timed = f"TIMEFORMAT='%R %U %S'; time {command} > /dev/null 2>&1"
    done = host.run(["bash", "-c", timed], user="omero-web", timeout=3600)
    clock, user, system = map(float, done.stderr.split())
    return clock, user + system


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield the seconds, and the CPU's, of files that have expired and of a mixture."""
    mixed = {"live": 30_000, "own": 1_000}
    with fleet() as hosts, session_host(hosts) as host:
        for pair in range(pairs):
            for what, others in (("100,000 expired", {}), (MIXTURE, mixed)):
                for side in in_turn(pair, SIDES):
                    fill(host, 100_000, **others)
                    clock, cores = times(host, COMMANDS[side])
                    assert left(host) == (others.get("live", 0))
                    yield Measurement(what, side, clock, "s")
                    yield Measurement(f"{what}: of all cores", side, cores, "s")


@contextlib.contextmanager
def session_host(hosts: Fleet) -> Iterator[Host]:
    """Make a host with an OMERO.web whose session files are in memory."""
    with hosts.make_host("systemd") as host:  # may mount
        deploy(docker_inventory(host, ("web",)))
        options = "size=6g,nr_inodes=1100000,uid=omero-web,gid=omero-web,mode=0700"
        host.run(f"mount -t tmpfs -o {options} sessions {SESSIONS}")
        yield host


if __name__ == "__main__":
    run_alone(measure)
