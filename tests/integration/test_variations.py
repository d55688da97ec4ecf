"""Settings and hosts that differ from the default in one thing each."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from tests.integration.conftest import MakeHost
from tests.integration.hosts import (
    deploy,
    docker_inventory,
)
from tests.integration.images import ROOT
from tests.integration.site_checks import BASE, OMERODIR, assert_serves, django

FACILITY = ["Facility", "https://f.example.org", {}]


def test_stock_packages_that_are_there_already_are_taken_over(make_host: MakeHost) -> None:
    """A machine without systemd on which Debian's init scripts run NGINX and Redis."""
    host = make_host("plain")
    host.run(
        "apt-get update -q && apt-get install -q -y --no-install-recommends nginx redis-server"
    )
    host.run("/etc/init.d/nginx restart; /etc/init.d/redis-server restart")
    host.wait_until(lambda: "Welcome to nginx" in host.http("/").text, 10, "stock NGINX")
    assert host.processes("redis-server")

    # others use this Redis: nothing is changed
    own = "redis-cli -n 1 set :1:django.contrib.sessions.cacheabc x"
    host.run(f"{own}; redis-cli -n 3 set theirs 1; redis-cli config set requirepass others")
    for act, said in (
        ("true", "it asks for a password"),
        ("redis-cli -a others config set requirepass ''", "it holds keys that are not OMERO.web's"),
        ("echo maxmemory 1gb >> /etc/redis/redis.conf", "redis.conf differs from the package's"),
    ):
        host.run(act)
        refused = deploy(docker_inventory(host), expect=1)
        assert "other programs use the Redis on this host" in refused.output
        assert said in refused.output
    assert host.run("redis-cli -n 3 get theirs").stdout.strip() == "1"
    assert not host.exists("/etc/omero-web-redis")
    host.run("redis-cli -n 3 del theirs; sed -i '$d' /etc/redis/redis.conf")

    deploy(docker_inventory(host))
    assert_serves(host)
    assert len(host.processes("nginx: master")) == 1
    (redis,) = host.processes("^/usr/bin/redis-server")
    assert redis.cmdline.endswith("unixsocket:/var/lib/omero-web-redis/redis.sock")
    assert deploy(docker_inventory(host)).changed_operations == ()


def test_other_ports_and_what_stood_there_by_hand(
    make_host: MakeHost, deployed_image: str, tmp_path: Path
) -> None:
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    host.run("omero config set omero.web.page_size 33 && omero config set omero.web.debug true")
    secrets = tmp_path / "secrets.yml"
    secrets.write_text("redis_password: sixteen characters\n")
    secrets.chmod(0o600)
    settings: dict[str, Any] = {
        "web_secrets": str(secrets),
        "nginx_http_port": 8080,
        "redis_port": 6380,
        "redis_maxmemory": "64mb",
        "web_config": {"omero.web.page_size": 44, "omero.web.application_server.port": 4090},
        "web_config_append": {"omero.web.ui.top_links": [FACILITY]},
        "web_config_remove": {"omero.web.ui.top_links": ["History"]},
    }
    run = deploy(docker_inventory(host, **settings))
    assert f"OMERO.web is at http://{host.ip}:8080/" in run.output
    assert "! omero.web.debug: set manually, kept" in run.output
    assert host.http("/webclient/login/", port=8080).status_code == 200
    assert not [line for line in listening(host.read("/proc/net/tcp")) if line in (80, 6379, 4080)]
    assert host.run("omero config get omero.web.page_size").stdout.strip() == "44"
    links = django(host, "from django.conf import settings\nprint(settings.TOP_LINKS)")
    assert "Facility" in links
    assert "Data" in links
    assert "History" not in links
    # for a service beside OMERO.web that looks sessions up: not without the password, and no more
    assert "NOAUTH" in host.run("redis-cli -p 6380 ping").stdout
    password = {"REDISCLI_AUTH": "sixteen characters"}
    for words, said in (("ping", "PONG"), ("-n 1 get a", ""), ("set a b", "NOPERM")):
        assert host.run(f"redis-cli -p 6380 {words}", env=password).stdout.strip().startswith(said)
    limit = host.run("omero-web-redis config get maxmemory").stdout.split()
    assert limit[-1] == str(64 << 20)
    assert deploy(docker_inventory(host, **settings)).changed_operations == ()
    deploy(docker_inventory(host))
    assert_serves(host)
    # what stood there before the bundle set it
    assert host.run("omero config get omero.web.page_size").stdout.strip() == "33"
    assert host.run("omero config get omero.web.ui.top_links").stdout.strip() == ""


def listening(table: str) -> list[int]:
    """The ports in /proc/net/tcp that something listens on."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A"]


def test_another_lock_and_another_wheel_make_another_release(
    make_host: MakeHost, deployed_image: str, ice_cache: Path, tmp_path: Path
) -> None:
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    before = host.run(f"readlink {BASE}/venv3").stdout
    lock = tmp_path / "requirements.txt"
    lock.write_text("# ours\n" + (ROOT / "app" / "requirements.txt").read_text())

    (wheel,) = ice_cache.glob("*.whl")
    shutil.copy(wheel, tmp_path / wheel.name)
    host.copy_in(wheel, f"/srv/www/{wheel.name}")
    host.run("cd /srv/www && setsid python3 -m http.server 8999 > /dev/null 2>&1 &")
    host.wait_until(lambda: host.http("/", port=8999).status_code == 200, 10, "the file server")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    url = f"http://127.0.0.1:8999/{wheel.name}#sha256="
    wrong = deploy(docker_inventory(host, web_ice_wheel=url + "0" * 64), expect=1)
    assert "Provide zeroc-ice" in wrong.output
    assert_serves(host)
    both = {"web_requirements": str(lock), "web_ice_wheel": url + digest}
    run = deploy(docker_inventory(host, **both))
    assert host.run(f"readlink {BASE}/venv3").stdout != before
    assert "OMERO.web | Run omero-web" in run.changed_operations
    assert_serves(host)
    given = docker_inventory(host, web_ice_wheel=str(tmp_path / wheel.name))
    deploy(given)
    assert deploy(given).changed_operations == ()


def test_a_deploy_takes_up_the_configuration_of_before(
    make_host: MakeHost, deployed_image: str
) -> None:
    """config.xml as `omero config set` left it, before the bundle ever saw it."""
    host = make_host("plain", image=deployed_image)
    host.run(f"rm {OMERODIR}/etc/grid/*")
    host.run("omero config set omero.web.login_logo https://example.org/logo.png")
    run = deploy(docker_inventory(host))
    assert "! omero.web.login_logo: set manually, kept" in run.output
    assert "https://example.org/logo.png" in host.http("/webclient/login/").text
