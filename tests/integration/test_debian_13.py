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


UPGRADE = """
export DEBIAN_FRONTEND=noninteractive
sed -i s/bookworm/trixie/g /etc/apt/sources.list
apt-get update -q && apt-get install -q -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold base-files python3 python3-venv python3-pip-whl libstdc++6
"""


def test_debian_12_becomes_13_in_place(make_host: MakeHost, deployed_systemd_image: str) -> None:
    """What of Debian 13 a release depends on; the rest of it is in the test above."""
    host = make_host("systemd", image=deployed_systemd_image)
    host.run(UPGRADE, timeout=600)
    old = host.run("readlink -f /opt/omero/web/venv3").stdout.strip().rsplit("/", 1)[1]
    said = f"release {old} was built for Python 3.11, this host has 3.13"

    # Debian's own upgrade leaves the Python before, until `apt autoremove`
    host.reboot()
    wait_until(lambda: host.http("/webclient/login/").status_code == 200, 60, "200 after boot")
    for command in ("status", "doctor"):
        shown = host.run(f"omeroweb-ops {command}", check=False).stdout
        assert said in " ".join(shown.split()), shown

    host.run("apt-get purge -q -y python3.11-minimal libpython3.11-minimal")
    host.reboot()
    assert_maintenance(host)
    statuses = {"status": 2, "doctor": 2, "release list": 1, "config plan": 1}
    for command, status in statuses.items():
        done = host.run(f"omeroweb-ops {command}", check=False)
        assert done.exit_code == status
        assert f"{said}; deploy again" in done.stderr
    assert f"{said}; deploy again" in host.run("omero web start", check=False).stderr
    log = "journalctl -b -u omero-web -o cat"
    tries = host.run(log).stdout.count(said)
    assert_maintenance(host)
    assert host.run(log).stdout.count(said) == tries  # nor does a visitor start it again

    deploy(docker_inventory(host), timeout=1500)
    assert_serves(host)
    assert "python3.13" in host.run("ls /opt/omero/web/venv3/lib").stdout
    assert f"{old}  before, no Python 3.11" in host.run("omeroweb-ops release list").stdout
    back = host.run("omeroweb-ops release rollback", check=False)
    assert back.exit_code == 1
    assert f"{said}; choose another release" in back.stderr
    assert deploy(docker_inventory(host)).changed_operations == ()
