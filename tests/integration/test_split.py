"""NGINX, two OMERO.webs and Redis, each on a host of its own; in part over SSH with sudo."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.integration import load
from tests.integration.client import Client
from tests.integration.conftest import MakeHost
from tests.integration.hosts import (
    Deployment,
    Host,
    deploy,
    docker_entry,
    inventory,
    ssh_entry,
    wait_until,
)
from tests.integration.images import Kind
from tests.integration.omero_server import ADA, omero_server
from tests.integration.site_checks import (
    BASE,
    assert_maintenance,
    assert_serves,
    assert_well,
    django,
    master,
    pids,
)

SECRETS = {
    "redis_password": 'q"uo\\te pass%word#1',
    "omero.web.secret_key": "one key for all of the web hosts, and long",
}
LOGIN = "/webclient/login/"
PORT = 4080
OWN_FILES = "/srv/own static"  # a folder of the site's own, on the web hosts


@dataclass
class Split:
    """The hosts and how they are deployed; over SSH are the first OMERO.web and NGINX."""

    redis: Host
    first: Host
    second: Host
    nginx: Host
    key: Path
    secrets: Path
    wheel: Path

    def deploy(self, **web: Any) -> Deployment:
        return deploy(self.inventory([self.first, self.second], self.nginx, **web))

    def inventory(self, webs: Sequence[Host], nginx: Host, **data: Any) -> str:
        return inventory(
            {
                "redis": [self._entry(self.redis)],
                "web": [self._entry(web) for web in webs],
                "nginx": [self._entry(nginx)],
            },
            redis_bind=f"127.0.0.1 {self.redis.ip}",
            web_ice_wheel=str(self.wheel),  # a container's is not used for hosts by SSH
            **data,
        )

    def _entry(self, host: Host) -> tuple[str, dict[str, object]]:
        if host.kind == "ssh":
            name, data = ssh_entry(host, self.key)
        else:
            name, data = docker_entry(host), {"address": host.ip}
        return name, {**data, "web_secrets": str(self.secrets)}


@pytest.fixture(scope="module")
def split(
    make_session_host: MakeHost,
    ssh_key: Path,
    ice_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Split]:
    secrets = tmp_path_factory.mktemp("split") / "secrets.yml"
    secrets.write_text(yaml.safe_dump(SECRETS))
    secrets.chmod(0o600)
    with contextlib.ExitStack() as stack:
        kinds: tuple[Kind, ...] = ("ssh", "ssh", "systemd", "ssh")
        redis, first, second, nginx = (
            stack.enter_context(make_session_host(kind)) for kind in kinds
        )
        (wheel,) = ice_cache.glob("*.whl")
        site = Split(redis, first, second, nginx, ssh_key, secrets, wheel)
        for host in (site.first, site.redis):
            host.run("apt-get update -q && apt-get install -q -y nftables", timeout=600)
        deployed = site.deploy()
        assert f"OMERO.web is at http://{nginx.ip}/" in deployed.output
        open_to_all = r"application_server\.port: port 4080 is open to every host"
        assert re.findall(rf"(\S+): omero\.web\.{open_to_all}", deployed.output) == [
            docker_entry(site.second)
        ]
        yield site


def answers(host: Host, url: str) -> int:
    """The status that a host gets from another one; 0 where it does not get through."""
    asked = (
        "import sys, urllib.error, urllib.request\n"
        "try: print(urllib.request.urlopen(sys.argv[1], timeout=10).status)\n"
        "except urllib.error.HTTPError as answer: print(answer.code)\n"
        "except OSError: print(0)"
    )
    return int(host.run(["python3", "-c", asked, url]).stdout)


def log_in(nginx: Host) -> requests.Response:
    """Credentials sent as a browser sends them."""
    page = nginx.http(LOGIN, timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    return nginx.http(
        LOGIN,
        method="POST",
        headers={
            "Referer": page.url,
            "Cookie": f"csrftoken={page.cookies['csrftoken']}",
        },
        data={
            "username": "somebody",
            "password": "wrong",
            "server": "1",
            "csrfmiddlewaretoken": token[1],
        },
        timeout=60,
    )


def test_each_host_has_its_part_and_a_second_run_changes_nothing(split: Split) -> None:
    assert_serves(split.nginx)
    assert split.nginx.processes("gunicorn|redis") == []
    for web in (split.first, split.second):
        assert web.processes("nginx|redis") == []
    hosts = (split.redis, split.first, split.second, split.nginx)
    assert_well(split.first)
    before = [pids(host) for host in hosts]
    assert split.deploy().changed_operations == ()
    assert [pids(host) for host in hosts] == before


def test_static_files_are_nginx_s_own(split: Split) -> None:
    page = split.nginx.http(LOGIN).text
    (name, *_) = re.findall(r'(?:href|src)="([^"]+\.css)', page)
    assert answers(split.nginx, f"http://{split.second.ip}:{PORT}{LOGIN}") == 200
    assert answers(split.nginx, f"http://{split.second.ip}:{PORT}{name}") == 404
    answer = split.nginx.http(name)
    assert answer.status_code == 200
    assert answer.headers["ETag"]  # WhiteNoise gives none
    assert split.nginx.http(str(Path(name).parent) + "/").status_code in (403, 404)
    for host in (split.first, split.nginx):  # what travelled is gone
        assert not host.exists("/var/lib/omeroweb-ops/static.tar.gz")
        assert host.run("ls -A /tmp | grep -i pyinfra", check=False).stdout == ""


def test_a_login_is_answered_by_omero_web_whichever_it_is(split: Split) -> None:
    for _ in range(4):  # page and answer may come from different hosts
        answer = log_in(split.nginx)
        assert answer.status_code == 200
        assert re.search(r"<title>\s*OMERO\.web - Login", answer.text)


def test_a_session_of_one_omero_web_is_one_of_the_other(split: Split) -> None:
    store = (
        "from importlib import import_module\nfrom django.conf import settings\n"
        "S = import_module(settings.SESSION_ENGINE).SessionStore\n"
    )
    key = django(
        split.first, f"{store}s = S()\ns['said'] = 'hello'\ns.save()\nprint(s.session_key)"
    )
    assert django(split.second, f"{store}print(S({key!r})['said'])") == "hello"
    password = {"REDISCLI_AUTH": SECRETS["redis_password"]}
    assert key in split.redis.run(["redis-cli", "-n", "1", "--scan"], env=password).stdout
    assert "NOAUTH" in split.redis.run("redis-cli -n 1 dbsize", check=False).stdout
    planted = split.redis.run("redis-cli -n 1 set a b", env=password, check=False)
    assert "NOPERM" in planted.stdout
    clients = split.redis.run("omero-web-redis client list").stdout
    for web in (split.first, split.second):
        assert re.search(rf"addr={web.ip}:\d+ .* user=omero-web ", clients)
    # with OMERO.web's password nobody can do more than OMERO.web
    refused = split.redis.run("redis-cli config get dir", env=password, check=False)
    assert "NOPERM" in refused.stdout


def test_redis_is_closed_to_all_but_the_web_hosts(split: Split) -> None:
    asked = (
        "import socket, sys\n"
        "try: socket.create_connection((sys.argv[1], 6379), 3); print('reached')\n"
        "except OSError: print('closed')"
    )

    def said(host: Host) -> str:
        return host.run(["python3", "-c", asked, split.redis.ip]).stdout.strip()

    assert [said(host) for host in (split.first, split.second)] == ["reached", "reached"]
    assert said(split.nginx) == "closed"
    assert "drop" in split.redis.run("nft list table inet omero_web").stdout


def test_monitoring_asks_each_omero_web_by_itself(split: Split) -> None:
    for web in (split.first, split.second):
        path = f"/ops/at/{web.ip}:{PORT}/metrics"
        text = split.nginx.run(["curl", "-sf", f"http://127.0.0.1{path}"]).stdout
        (told,) = re.findall(r'resident_memory_bytes{process="master"} (\S+)', text)
        real = web.run(f"awk '/^VmRSS/ {{print $2 * 1024}}' /proc/{master(web)}/status").stdout
        assert float(told) == pytest.approx(float(real), rel=0.2)
        assert split.nginx.http(path).status_code == 403


def test_visitors_do_not_notice_that_an_omero_web_is_stopped(split: Split) -> None:
    split.first.run("omero web stop")
    for _ in range(10):
        assert split.nginx.http(LOGIN).status_code == 200
    assert log_in(split.nginx).status_code == 200
    split.second.run("omero web stop")
    assert_maintenance(split.nginx)
    for web in (split.first, split.second):
        web.run("omero web start")
    wait_until(lambda: split.nginx.http(LOGIN).status_code == 200, 60, "200 after the start")


def test_a_user_stays_in_whichever_omero_web_answers(split: Split) -> None:
    with omero_server(split.second) as server:
        split.deploy(web_config={"omero.web.server_list": server.server_list})
        user = Client(f"http://{split.nginx.ip}", ADA)
        for web in (split.first, split.second):
            web.run("omero web stop")
            wait_until(user.is_in, 30, "the other OMERO.web")
            web.run("omero web start")


def test_a_change_of_all_omero_webs_costs_no_visitor_a_request(split: Split) -> None:
    """Handed over, and where a changed unit makes it a restart, one host after the other."""
    load.install(split.redis)
    masters = [master(web) for web in (split.first, split.second)]
    changes: dict[str, Any] = {"web_config": {"omero.web.page_size": 77}, "web_open_files": 70000}
    for setting, value in changes.items():
        data = {setting: value}
        report = load.during(split.redis, split.nginx, partial(split.deploy, **data))
        assert not report.failed, report
        before, masters = masters, [master(web) for web in (split.first, split.second)]
        assert all(old != new for old, new in zip(before, masters, strict=True))
    report = load.during(split.redis, split.nginx, split.deploy)
    assert not report.failed, report
    assert split.deploy().changed_operations == ()


def test_a_change_that_fails_on_the_first_host_is_not_made_on_the_others(split: Split) -> None:
    webs, program = (split.first, split.second), f"{BASE}/venv3/bin/gunicorn"
    masters = [master(web) for web in webs]
    split.first.run(f"cp -p {program} /root/gunicorn")
    broken = b"#!/bin/sh\nexit 1\n" + b"#" * 1000  # not smaller: the release is not damaged
    split.first.run(f"cat > {program}", stdin=broken)
    try:
        text = split.inventory(webs, split.nginx, web_config={"omero.web.page_size": 78})
        refused = deploy(text, expect=1)
        assert "Starting operation: OMERO.web | Run omero-web" in refused.output
        assert "Starting operation: OMERO.web | Run omero-web on other hosts" not in refused.output
        assert [master(web) for web in webs] == masters
        assert {split.nginx.http(LOGIN).status_code for _ in range(10)} == {200}
    finally:
        split.first.run(f"cp -p /root/gunicorn {program}")
    split.deploy()
    assert split.deploy().changed_operations == ()


def test_visitors_go_on_when_an_omero_web_does_not_answer_at_all(split: Split) -> None:
    """No refusal either, as from a host without power."""
    split.nginx.run("systemctl restart nginx")  # it knows of no earlier failures
    split.first.run(
        "nft 'table inet hole { chain input { type filter hook input priority 1; "
        f"tcp dport {PORT} drop; }}; }}'"
    )
    try:
        for _ in range(6):
            assert split.nginx.http(LOGIN, timeout=30).status_code == 200
    finally:
        split.first.run("nft delete table inet hole")


def test_the_port_is_closed_to_strangers_and_stays_so(split: Split) -> None:
    def closed() -> bool:
        with pytest.raises(requests.ConnectionError):
            split.first.http(LOGIN, port=PORT, timeout=2)
        return answers(split.nginx, f"http://{split.first.ip}:{PORT}{LOGIN}") == 200

    assert closed()
    assert answers(split.redis, f"http://{split.first.ip}:{PORT}{LOGIN}") == 0
    assert split.second.http(LOGIN, port=PORT).status_code == 200  # no nftables there
    for act in ("start", "reload", "restart", "stop", "start"):  # each flushes all rules
        split.first.run(f"systemctl {act} nftables")
    assert closed()
    split.first.run("systemctl stop nftables; systemctl disable nftables")
    split.first.reboot()
    wait_until(closed, 60, "OMERO.web after the boot")
    split.first.run("nft delete table inet omero_web")
    assert split.first.http(LOGIN, port=PORT).status_code == 200
    assert split.deploy().changed_operations == ("OMERO.web | Close port except to NGINX",)
    assert closed()


def test_static_files_change_with_what_they_are_collected_from(split: Split) -> None:
    for web in (split.first, split.second):
        web.write(f"{OWN_FILES}/facility/own.css", "a {}\n")
    before = pids(split.nginx)["nginx"]
    split.deploy(web_config_append={"omero.web.staticfile_dirs": [OWN_FILES]})
    answer = split.nginx.http("/static/facility/own.css")
    assert (answer.status_code, answer.text) == (200, "a {}\n")
    assert pids(split.nginx)["nginx"] == before
    # pages that are still open name files of before
    folder = "/var/lib/omeroweb-ops/static"
    split.nginx.run(f"test -d {folder}/previous/ && echo old > {folder}/previous/only-before.css")
    assert split.nginx.http("/static/only-before.css").text == "old\n"
    assert split.nginx.http("/static/never-was.css").status_code == 404
    assert_serves(split.nginx)


def test_nginx_on_the_same_host_again_leaves_the_port_to_loopback(split: Split) -> None:
    first = split.first
    text = split.inventory([first], first)
    deploy(text)
    assert_serves(first)
    assert "omero_web" not in first.run("nft list tables").stdout
    for path in (
        "/etc/omero-web.nft",
        "/etc/systemd/system/omero-web-firewall.service",
        "/etc/systemd/system/nftables.service.d/omero-web-firewall.conf",
    ):
        assert not first.exists(path)
    with pytest.raises(requests.ConnectionError):
        first.http(LOGIN, port=PORT, timeout=2)
    assert deploy(text).changed_operations == ()
