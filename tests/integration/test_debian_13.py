"""Debian 13: another systemd, Python, Redis and NGINX, the same deploy."""

from __future__ import annotations

from tests.integration.conftest import MakeHost
from tests.integration.hosts import deploy, docker_inventory, wait_until
from tests.integration.site_checks import assert_maintenance, assert_serves, master, pids


def test_debian_13(make_host: MakeHost) -> None:
    host = make_host("systemd", "trixie")
    deploy(docker_inventory(host), timeout=1500)
    assert_serves(host)
    assert "python3.13" in host.run("ls /opt/omero/web/venv3/lib").stdout
    before = pids(host)
    assert all(before.values()), before
    assert deploy(docker_inventory(host)).changed_operations == ()
    assert pids(host) == before

    host.run("omero web stop")
    assert_maintenance(host)
    assert host.run("omero web status", check=False).exit_code != 0
    host.run("omero web start", user="omero-web")
    assert_serves(host)
    host.kill(master(host))
    wait_until(lambda: host.http("/webclient/login/").status_code == 200, 10, "200 after kill -9")
    host.reboot()
    wait_until(lambda: host.http("/webclient/login/").status_code == 200, 60, "200 after boot")
    deploy(docker_inventory(host, nginx_tls="self-signed"))
    assert_serves(host, scheme="https")
    tried = host.run("nginx -t").stderr
    assert "warn" not in tried, tried  # `listen … http2` is deprecated there
    hybrid = "openssl s_client -connect 127.0.0.1:443 -groups X25519MLKEM768 < /dev/null 2>&1"
    assert "X25519MLKEM768" in host.run(hybrid).stdout
