"""Hosts on which OMERO.web was installed otherwise: one deploy takes over."""

from __future__ import annotations

import ast
import re
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from roles.survey.existing_installation import MANAGED_MARKER, NO_INSTALLATION, ExistingInstallation
from roles.survey.fact import HostSurvey
from tests.integration import by_hand
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Deployment, Host, copy_project, deploy, docker_inventory
from tests.integration.site_checks import BASE, OMERODIR, assert_serves

OTHER = "server { listen 80; server_name other.example.org; return 200 'another site'; }\n"
JOBS = "5 * * * * /usr/bin/true\n15 3 * * * omero web clearsessions\n"


class Visitor:
    """Asks for the login page all the time; `raw` has what was neither it nor the page."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.seen: set[str] = set()
        self.raw: list[str] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._visit)

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _visit(self) -> None:
        while not self._end.wait(0.05):
            try:
                answer = self.host.http("/webclient/login/", timeout=60, host_header="localhost")
            except requests.RequestException as error:
                self.raw.append(repr(error))
                continue
            title = "".join(re.findall(r"<title>\s*(.*?)\s*</title>", answer.text))
            said = f"{answer.status_code} {title}"
            self.seen.add(said)
            if said not in ("200 OMERO.web - Login", "503 OMERO.web - Maintenance"):
                self.raw.append(said)


@pytest.fixture(scope="module")
def walkthrough(make_session_host: MakeHost, ice_cache: Path) -> str:
    """A host that runs OMERO.web as documented, and another site beside it; as an image."""
    with make_session_host("systemd", name="walkthrough") as host:
        by_hand.walkthrough(host, ice_cache)
        host.write("/etc/nginx/conf.d/other.conf", OTHER)
        host.write("/var/spool/cron/crontabs/omero-web", JOBS, "0600")
        host.run("chown omero-web:crontab /var/spool/cron/crontabs/omero-web")
        host.run("systemctl disable -q omero-web")  # its start is longer than a test host's boot
        return host.commit()


def exported(host: Host, secrets: Path) -> dict[str, Any]:
    """What `config export` from a checkout on the host says, as settings."""
    copy_project(host)
    command = "./run omeroweb-ops config export --secrets /root/secrets.yml"
    shown = host.run(command, cwd="/srv/omeroweb-bundle", timeout=600).stdout
    assert by_hand.PASSWORD not in shown
    settings = ast.literal_eval("{" + shown.replace("/root/secrets.yml", str(secrets)) + "}")
    assert isinstance(settings, dict)
    return settings


def backups(host: Host) -> dict[str, str]:
    """Path to copy, the last one."""
    folder = "/var/backups/omeroweb-ops"
    modes = host.run(f"stat -c '%a %U' {folder} {folder}/*").stdout.splitlines()
    assert {*modes} == {"700 root"}
    found = sorted(host.run(f"find {folder} ! -type d").stdout.split())
    return {"/" + path.removeprefix(f"{folder}/").partition("/")[2]: path for path in found}


def assert_steady(host: Host, text: str) -> None:
    second = deploy(text)
    assert second.changed_operations == ()
    host.reboot()
    host.wait_until(lambda: host.http("/webclient/login/").status_code == 200, 120, "the site")
    assert len({process.cmdline for process in host.processes("gunicorn")}) == 1


def changed_properties(run: Deployment) -> set[str]:
    return set(re.findall(r"(omero\.[\w.]+): .*→", run.output))


def test_the_walkthrough(make_host: MakeHost, walkthrough: str, tmp_path: Path) -> None:
    host = make_host("systemd", image=walkthrough)
    host.run("systemctl enable -q --now omero-web")
    host.wait_until(lambda: host.http("/webclient/login/").status_code == 200, 120, "the old site")
    old = host.read("/etc/nginx/conf.d/omeroweb.conf")
    settings = exported(host, tmp_path / "secrets.yml")
    host.copy_out("/root/secrets.yml", tmp_path / "secrets.yml")
    (tmp_path / "secrets.yml").chmod(0o600)
    secrets = yaml.safe_load((tmp_path / "secrets.yml").read_text())
    assert secrets["omero.web.public.password"] == by_hand.PASSWORD
    assert "omero.web.caches" not in secrets  # of a Redis whose port goes
    caches = {"omero.web.caches": by_hand.SETTINGS["omero.web.caches"]}
    (tmp_path / "more.yml").write_text(yaml.safe_dump(secrets | caches))
    (tmp_path / "more.yml").chmod(0o600)
    more = settings | {"web_secrets": str(tmp_path / "more.yml")}
    refused = deploy(docker_inventory(host, **more), expect=1)
    assert "omero.web.caches: uses a port of this host" in refused.output
    text = docker_inventory(host, **settings)
    with Visitor(host) as visitor:
        first = deploy(text)
    assert visitor.raw == []
    assert visitor.seen >= {"200 OMERO.web - Login"}
    assert_serves(host)

    # every property is as it was
    unchanged = {
        name: text for name, text in by_hand.SETTINGS.items() if name != "omero.web.caches"
    }
    assert not changed_properties(first) & unchanged.keys()
    assert "Connection refused" in host.run("redis-cli ping", check=False).stderr
    for name, value in unchanged.items():
        stored = host.run(f"omero config get {name} --show-password").stdout.strip()
        assert yaml.safe_load(stored) == yaml.safe_load(value), name
    assert "another site" in host.http("/", host_header="other.example.org").text

    copies = backups(host)
    assert host.read(copies["/etc/nginx/conf.d/omeroweb.conf"]) == old
    assert "Type=forking" in host.read(copies["/etc/systemd/system/omero-web.service"])
    assert {"/etc/cron.daily/omero-web", "/var/spool/cron/crontabs/omero-web"} <= copies.keys()
    for path in copies:
        assert path in first.output
    assert host.read("/var/spool/cron/crontabs/omero-web").splitlines() == [
        "5 * * * * /usr/bin/true",
        "# omeroweb-ops: 15 3 * * * omero web clearsessions",
    ]
    kept = host.run(f"ls -d {BASE}/venv3-*/bin/omero").stdout.strip()
    assert kept.split("/bin/")[0] in first.output
    assert host.exists(f"{by_hand.WALKTHROUGH}/etc/grid/config.xml")
    assert_steady(host, text)


def test_the_ansible_role(make_host: MakeHost, walkthrough: str) -> None:
    host = make_host("systemd", image=walkthrough)
    by_hand.ansible_role(host)
    # started by hand, outside the unit, as administrators do after `omero config set`
    host.run("systemctl stop omero-web")
    by_hand.omero(host, "web", "start", omerodir=OMERODIR)
    host.wait_until(lambda: host.http("/webclient/login/").status_code == 200, 120, "the old site")
    daemon = {process.pid for process in host.processes("gunicorn.*omeroweb.wsgi")}
    assert daemon
    text = docker_inventory(host)

    # another site in the same file: refused before anything is touched
    site = "/etc/nginx/conf.d/omero-web.conf"
    host.run(f"cp -p {site} /root/site && cat /etc/nginx/conf.d/other.conf >> {site}")
    before = host.snapshot()
    refused = deploy(text, expect=1)
    assert f"{site}: has OMERO.web and also other.example.org" in refused.output
    assert host.snapshot().touched_since(before) == []
    host.run(f"cp -p /root/site {site}")

    # a plugin that the bundle's release does not have: the old one goes on serving
    by_hand.omero(host, "config", "append", "omero.web.apps", '"no_such_plugin"', omerodir=OMERODIR)
    failed = deploy(text, expect=1)
    assert "no_such_plugin" in failed.output
    assert {process.pid for process in host.processes("gunicorn.*omeroweb.wsgi")} >= daemon
    assert host.http("/webclient/login/").status_code == 200
    assert host.read(site) == host.read("/root/site")
    by_hand.omero(host, "config", "set", "omero.web.apps", omerodir=OMERODIR)

    with Visitor(host) as visitor:
        first = deploy(text)
    assert visitor.raw == []
    assert_serves(host)
    assert not {process.pid for process in host.processes("gunicorn")} & daemon
    assert host.run("omero config get omero.web.page_size").stdout.strip() == "77"
    assert "whitenoise" in host.run("omero config get omero.web.middleware").stdout
    assert "another site" in host.http("/", host_header="other.example.org").text
    copies = backups(host)
    assert host.read(copies[site]) == host.read("/root/site")
    assert {f"{OMERODIR}/bin/omero", "/etc/systemd/system/omero-web.service"} <= copies.keys()
    assert all(path in first.output for path in copies)
    # the path that people and scripts have in their fingers goes on working
    assert host.run(f"{OMERODIR}/bin/omero web status").exit_code == 0
    assert_steady(host, text)

    # and back, as docs/taking-over.md says
    date = host.run("ls /var/backups/omeroweb-ops").stdout.split()[-1]
    host.run(
        f"""set -e
        systemctl disable -q --now omero-web.socket omero-web
        cd /etc/systemd/system && rm {site} omero-web.socket
        rm {BASE}/venv3 && mv {BASE}/venv3-{date} {BASE}/venv3
        cp -a /var/backups/omeroweb-ops/{date}/* / && systemctl daemon-reload
        systemctl reload nginx && systemctl enable -q --now omero-web""",
        timeout=300,
    )
    host.wait_until(lambda: host.http("/webclient/login/").status_code == 200, 120, "the old site")
    assert " -D " in host.processes("gunicorn.*omeroweb.wsgi")[0].cmdline


def test_what_is_theirs_is_told_from_what_is_not(make_host: MakeHost) -> None:
    """No deploy: only what the survey says of files that people have."""
    host = make_host("plain")

    def found() -> ExistingInstallation:
        asked = HostSurvey()
        command = asked.command(ports=(4080,), nonce="5f0c")
        return asked.process(host.run(command, stdin=b"5f0c\n").stdout.splitlines()).existing

    assert found() == NO_INSTALLATION
    starts = "su - omero-web -c 'OMERODIR=/srv/web /srv/venv/bin/omero web start'\n"
    clears = "0 3 * * * omero-web {}/venv3/bin/omero web clearsessions\n"
    proxies = "server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:{}; }} }}\n"
    theirs = {
        "/etc/init.d/omero-web": starts,
        "/etc/systemd/system/images.service": f"ExecStart={BASE}/venv3/bin/omero web start\n",
        "/etc/systemd/system/images.service.d/limits.conf": "[Service]\n",
        "/etc/cron.d/sessions": clears.format(BASE),
        "/srv/web/etc/grid/config.xml": "<icegrid/>\n",
        "/usr/local/bin/omero": "#!/bin/sh\n",
        "/etc/nginx/sites-enabled/images": proxies.format(4080),
    }
    others = {
        "/etc/nginx/sites-enabled/default": "server { listen 8080; }\n",
        "/etc/systemd/system/second.service": "ExecStart=/srv/second/bin/omero web start\n",
        "/etc/systemd/system/omero-server.service": "ExecStart=omero admin start\n",
        "/etc/cron.d/second": clears.format("/srv/second"),
        "/etc/cron.d/off": "# " + clears.format(BASE),
        "/etc/nginx/conf.d/second.conf": proxies.format(4090),
        "/etc/nginx/conf.d/ours.conf": f"# {MANAGED_MARKER}; changes\n{proxies.format(4080)}",
    }
    for path, text in {**theirs, **others}.items():
        host.write(path, text)
    assert found() == ExistingInstallation(
        units=("/etc/systemd/system/images.service",),
        scripts=("/etc/init.d/omero-web",),
        dropins=("/etc/systemd/system/images.service.d",),
        crons=("/etc/cron.d/sessions",),
        commands=("/usr/local/bin/omero",),
        sites={"/etc/nginx/sites-enabled/images": proxies.format(4080).rstrip()},
        omerodir="/srv/web",
    )
    for path in theirs:
        host.run(["rm", path])
    host.run(f"mkdir -p {BASE}/venv3 {BASE}/old && ln -s old {OMERODIR}")
    assert found() == ExistingInstallation(link=True, virtualenv=True)
