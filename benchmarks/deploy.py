"""From a bare Debian to a login page: manually as documented, and with the bundle; idle deploys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import steps
from benchmarks.fleet import fleet, seconds, traced
from benchmarks.ice_wheel import kept_wheel
from benchmarks.measurement import Measurement, in_turn
from benchmarks.terminal import run_alone
from benchmarks.trace import Trace
from tests.integration.hosts import (
    Fleet,
    Host,
    copy_project,
    docker_inventory,
    inventory,
    ssh_inventory,
    wait_until,
)

COLD, IDLE_STEPS = "where a first deploy's time goes", "where an idle deploy's time goes"
FIRST = "first deploy, to the login page"
FIRST_IDLE = "first idle deploy after the first deploy"
IDLE = "idle deploy"
# https://omero.readthedocs.io/en/stable/sysadmins/unix/install-web/walkthrough/
BY_HAND = """
set -e
export DEBIAN_FRONTEND=noninteractive OMERODIR=/opt/omero/web/OMERO.web
apt-get update -q && apt-get install -q -y python3-venv nginx redis-server
useradd -mr omero-web
mkdir -p $OMERODIR/etc/grid && chown -R omero-web /opt/omero/web
python3 -m venv /opt/omero/web/venv3
/opt/omero/web/venv3/bin/pip install -q /srv/zeroc_ice-*.whl
/opt/omero/web/venv3/bin/pip install -q -r /srv/requirements.txt
for setting in omero.web.wsgi_workers=5 omero.web.session_cookie_age=86400 omero.web.debug=false; do
    runuser -u omero-web -- env OMERODIR=$OMERODIR /opt/omero/web/venv3/bin/omero \
        config set ${setting%%=*} ${setting#*=}
done
runuser -u omero-web -- env OMERODIR=$OMERODIR PATH=/opt/omero/web/venv3/bin:$PATH omero web start
"""
_LOCAL = "TIMEFORMAT=%R; time ./run pyinfra -y inventory.py deploy.py > /tmp/deployed 2>&1"


def by_hand(host: Host, wheel: Path) -> None:
    """The walkthrough's steps, with pinned versions; NGINX's and Redis' files are left out."""
    host.copy_in(wheel, f"/srv/{wheel.name}")
    pins = (Path(__file__).parents[1] / "app" / "requirements.in").read_text()
    host.write("/srv/requirements.txt", pins)
    host.run(BY_HAND, timeout=900)
    probe = ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:4080/')"]
    wait_until(lambda: host.run(probe), 120, "the login page")


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield first and idle deploys over docker, with `@local` and over SSH, and their steps."""
    cold: list[Trace] = []
    idle: list[Trace] = []
    with fleet() as hosts:
        wheel = kept_wheel()
        for pair in range(pairs):
            with hosts.make_host("plain") as manual, hosts.make_host("plain") as ours:
                for host in in_turn(pair, (manual, ours)):
                    if host is manual:
                        took = seconds(lambda host=host: by_hand(host, wheel))  # type: ignore[misc]
                        yield Measurement(FIRST, "documented", took, "s")
                    else:
                        yield from _over_docker(host, cold, idle)
        yield from steps.measurements(COLD, cold)
        yield from steps.measurements(IDLE_STEPS, idle)
        yield from _local(hosts, wheel, pairs)
        yield from _over_ssh(hosts, wheel, pairs)


def _over_docker(host: Host, cold: list[Trace], idle: list[Trace]) -> Iterator[Measurement]:
    site = docker_inventory(host)
    for name, traces in ((FIRST, cold), (FIRST_IDLE, []), (IDLE, idle)):
        took, trace = traced(site)
        traces.append(trace)
        title = name if name == FIRST else f"{name}, over docker"
        yield Measurement(title, "bundle", took, "s")
        yield Measurement(f"{title}: remote calls", "bundle", trace.calls_per_host(), "calls")


def _local(hosts: Fleet, wheel: Path, pairs: int) -> Iterator[Measurement]:
    """Deploy inside a host; the time is taken there, without `docker exec`."""
    with hosts.make_host("plain") as host:
        copy_project(host)
        host.copy_in(wheel, f"/srv/{wheel.name}")
        groups = {group: ["@local"] for group in ("redis", "web", "nginx")}
        text = inventory(groups, web_ice_wheel=f"/srv/{wheel.name}")
        host.write("/srv/omeroweb-bundle/inventory.py", text)
        host.run("./run pyinfra --version", cwd="/srv/omeroweb-bundle", timeout=900)
        for name in (FIRST, FIRST_IDLE, *[IDLE] * pairs):
            done = host.run(["bash", "-c", _LOCAL], cwd="/srv/omeroweb-bundle", timeout=900)
            yield Measurement(f"{name}, with @local", "bundle", float(done.stderr), "s")


def _over_ssh(hosts: Fleet, wheel: Path, pairs: int) -> Iterator[Measurement]:
    with hosts.make_host("ssh") as host:
        site = ssh_inventory(host, hosts.key, web_ice_wheel=str(wheel))
        for name in (FIRST, FIRST_IDLE, *[IDLE] * pairs):
            took, trace = traced(site)
            title = f"{name}, over SSH with sudo"
            yield Measurement(title, "bundle", took, "s")
            yield Measurement(f"{title}: remote calls", "bundle", trace.calls_per_host(), "calls")


if __name__ == "__main__":
    run_alone(measure)
