"""OMERO.web as people install it today: by the documented walkthrough, or by the Ansible role."""

from __future__ import annotations

from pathlib import Path

from tests.integration.hosts import Host, wait_until
from tests.integration.images import ROOT
from tests.integration.site_checks import BASE, OMERODIR

WALKTHROUGH = f"{BASE}/omero-web"
PASSWORD = "kept from the inventory"
# Everything below: https://omero.readthedocs.io/en/stable/sysadmins/unix/install-web/walkthrough/
_INSTALL = f"""
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get -y -q install python3-venv nginx redis-server cron > /dev/null
useradd -m omero-web
mkdir -p {WALKTHROUGH}/etc/grid
chown -R omero-web {WALKTHROUGH}
python3 -mvenv {BASE}/venv3
{BASE}/venv3/bin/pip install -q /srv/zeroc_ice-*.whl -r /srv/requirements.txt
"""
_CACHES = (
    '{"default": {"BACKEND": "django_redis.cache.RedisCache", '
    '"LOCATION": "redis://127.0.0.1:6379/0"}}'
)
SETTINGS = {
    "omero.web.caches": _CACHES,
    "omero.web.session_engine": "django.contrib.sessions.backends.cache",
    "omero.web.server_list": '[["omero.example.org", 4064, "omero"]]',
    "omero.web.page_size": "77",
    "omero.web.debug": "false",
    "omero.web.public.password": PASSWORD,
}
_WHITENOISE = '{"index": 0, "class": "whitenoise.middleware.WhiteNoiseMiddleware"}'
_UNIT = """[Unit]
Description=OMERO.web
# Not mandatory, NGINX may be running on a different server
Requires=nginx.service
After=network.service

[Service]
User=omero-web
Type=forking
PIDFile={omerodir}/var/django.pid
Restart=no
RestartSec=10
Environment="PATH={base}/venv3/bin:/bin:/usr/bin:/usr/local/bin"
Environment="OMERODIR={omerodir}"
ExecStart={command} web start
ExecStop={command} web stop

[Install]
WantedBy=multi-user.target
"""
_CRON = f"""#!/bin/bash
OMERO_USER=omero-web
su - ${{OMERO_USER}} -c "OMERODIR={WALKTHROUGH} {BASE}/venv3/bin/omero web clearsessions"
"""


def omero(host: Host, *arguments: str, omerodir: str = WALKTHROUGH) -> str:
    """The virtualenv's own command, as the service user."""
    environment = {"OMERODIR": omerodir, "PATH": f"{BASE}/venv3/bin:/bin:/usr/bin"}
    command = [f"{BASE}/venv3/bin/omero", *arguments]
    return host.run(command, user="omero-web", env=environment, cwd="/").stdout


def installed(host: Host, wheels: Path) -> None:
    """The walkthrough up to NGINX's file, with this project's versions."""
    host.copy_in(wheels, "/srv")
    pins = (ROOT / "app" / "requirements.in").read_text()
    host.write("/srv/requirements.txt", pins)
    host.run(_INSTALL, timeout=900)
    for name, value in SETTINGS.items():
        omero(host, "config", "set", "--", name, value)
    omero(host, "config", "append", "--", "omero.web.middleware", _WHITENOISE)


def served(host: Host, omerodir: str, command: str, site: str) -> None:
    """NGINX from `omero web config nginx`, and the unit."""
    host.run("rm -f /etc/nginx/sites-enabled/default")
    arguments = ("web", "config", "nginx", "--http", "80", "--servername", "localhost")
    host.write(site, omero(host, *arguments, omerodir=omerodir))
    unit = _UNIT.format(base=BASE, omerodir=omerodir, command=command)
    host.write("/etc/systemd/system/omero-web.service", unit)
    host.run("systemctl daemon-reload && systemctl enable -q omero-web && systemctl restart nginx")
    host.run("systemctl start omero-web", timeout=300)
    wait_until(lambda: host.http("/webclient/login/").status_code == 200, 60, "login page")


def walkthrough(host: Host, wheels: Path) -> None:
    """A running OMERO.web with its daily job."""
    installed(host, wheels)
    served(host, WALKTHROUGH, f"{BASE}/venv3/bin/omero", "/etc/nginx/conf.d/omeroweb.conf")
    host.write("/etc/cron.daily/omero-web", _CRON, "0755")


# https://github.com/ome/ansible-role-omero-web
_WRAPPER = f"""#!{BASE}/venv3/bin/python

import os
from subprocess import run
import sys

if not os.getenv('OMERODIR'):
    os.environ['OMERODIR'] = '{OMERODIR}'
p = run(['{BASE}/venv3/bin/omero'] + sys.argv[1:])
sys.exit(p.returncode)
"""


def ansible_role(host: Host) -> None:
    """Turn the walkthrough's host into one as the role leaves it."""
    host.run(
        "systemctl disable -q --now omero-web; "
        "rm -f /etc/nginx/conf.d/omeroweb.conf /etc/cron.daily/omero-web; set -e; "
        f"mv {WALKTHROUGH} {OMERODIR}; chown root: {OMERODIR} {OMERODIR}/etc; "
        f"chmod 755 {OMERODIR}/etc/grid; chmod 644 {OMERODIR}/etc/grid/config.xml; "
        f"usermod -d {OMERODIR}/var omero-web"
    )
    host.write(f"{OMERODIR}/bin/omero", _WRAPPER, "0555")
    host.write(f"{BASE}/config/00-omero-web.omero", "config drop default\n")
    served(host, OMERODIR, f"{OMERODIR}/bin/omero", "/etc/nginx/conf.d/omero-web.conf")
