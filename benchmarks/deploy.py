"""From a bare Debian to a login page: by hand as documented, and with the bundle."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.ice_wheel import kept_wheel
from tests.integration.engine import ensure_engine
from tests.integration.hosts import Fleet, Host, deploy, docker_inventory, wait_until

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


def by_hand(host: Host, wheel: Path) -> None:
    """The walkthrough's steps, with pinned versions; NGINX's and Redis' files are left out."""
    host.copy_in(wheel, f"/srv/{wheel.name}")
    pins = (Path(__file__).parents[1] / "app" / "requirements.in").read_text()
    host.write("/srv/requirements.txt", pins)
    host.run(BY_HAND, timeout=900)
    probe = ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:4080/')"]
    wait_until(lambda: host.run(probe), 120, "the login page")


def seconds(step: Callable[[], object]) -> float:
    began = time.monotonic()
    step()
    return time.monotonic() - began


def main() -> None:
    """Measure and print."""
    fleet = Fleet(ensure_engine(), Path(tempfile.mkdtemp()))
    try:
        manual, ours = fleet.make_host("plain"), fleet.make_host("plain")
        kept = kept_wheel()
        site = docker_inventory(ours)
        documented = seconds(lambda: by_hand(manual, kept))
        print(f"{'':34} {'seconds':>8} {'ratio':>6}")
        for what, measured in (
            ("by hand, to the login page", documented),
            ("bundle, cold, to the login page", seconds(lambda: deploy(site))),
            ("bundle, second run", seconds(lambda: deploy(site))),
        ):
            print(f"{what:34} {measured:8.1f} {measured / documented:6.2f}", flush=True)
    finally:
        fleet.remove()


if __name__ == "__main__":
    main()
