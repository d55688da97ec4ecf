"""Other connectors: this machine itself, SSH with sudo; and what a deploy must keep to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import MakeHost
from tests.integration.hosts import (
    deploy,
    docker_inventory,
    run_inside,
    ssh_inventory,
    wait_until,
)
from tests.integration.site_checks import (
    BASE,
    OMERODIR,
    assert_maintenance,
    assert_serves,
    master,
    pids,
)


def test_a_bare_machine_becomes_an_omero_web_by_one_command(
    make_host: MakeHost, ice_cache: Path
) -> None:
    """No systemd, nothing but python3: supervisor runs everything."""
    host = make_host("plain")
    host.copy_in(ice_cache, f"/root/.cache/omeroweb-bundle/ice/{ice_cache.name}")
    first = run_inside(host, path="/srv/my bundle")
    assert "OMERO.web is at http://localhost/" in first.output
    assert_serves(host)
    before = pids(host)
    assert all(before.values()), before
    second = run_inside(host, path="/srv/my bundle")
    assert second.changed_operations == ()
    assert pids(host) == before

    host.run("omero web stop", user="omero-web")
    assert_maintenance(host)
    assert host.run("omero web status", check=False).exit_code != 0
    host.run("omero web start")
    assert_serves(host)
    host.kill(master(host))
    statuses = set()

    def back() -> bool:
        statuses.add(host.http("/webclient/login/", timeout=120).status_code)
        return 200 in statuses

    wait_until(back, 10, "200 after kill -9")
    assert statuses <= {200, 503}


def test_over_ssh_with_sudo(make_host: MakeHost, ssh_key: Path) -> None:
    host = make_host("ssh")
    deploy(ssh_inventory(host, ssh_key))
    assert_serves(host)
    before = pids(host)
    second = deploy(ssh_inventory(host, ssh_key))
    assert second.changed_operations == ()
    assert pids(host) == before
    host.reboot()
    wait_until(lambda: host.http("/webclient/login/").status_code == 200, 60, "200 after boot")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.yml"
    password = 'q"uo\\te pass%word#1'
    path.write_text(
        yaml.safe_dump(
            {
                "redis_password": password,
                "omero.web.secret_key": "one key for all of the web hosts, and long",
            }
        )
    )
    path.chmod(0o600)
    return path


def test_secrets_appear_nowhere_but_in_their_files(
    make_host: MakeHost, deployed_image: str, secrets: Path
) -> None:
    host = make_host("plain", image=deployed_image)
    text = docker_inventory(host, web_secrets=str(secrets), redis_bind="0.0.0.0")
    run = deploy(text, "-vvv", "--debug")
    values = yaml.safe_load(secrets.read_text()).values()
    for value in values:
        assert value not in run.output
        assert value.replace("\\", "\\\\").replace('"', '\\"') not in run.output
    lines = "".join(process.cmdline + "\n" for process in host.processes())
    assert not any(value in lines for value in values)
    environments = host.run("cat /proc/[0-9]*/environ 2> /dev/null || true").stdout
    assert "PATH=" in environments
    assert not any(value in environments for value in values)
    found = host.run(
        "grep -rlF --exclude-dir=proc --exclude-dir=sys 'one key for all' / 2>/dev/null",
        check=False,
    ).stdout.split()
    # the last is the configuration with which the release has last served
    kept = host.run(f"ls {OMERODIR}/etc/grid/omeroweb-ops.????????????.json").stdout.strip()
    assert set(found) == {
        f"{OMERODIR}/etc/grid/config.xml",
        f"{BASE}/state/desired.json",
        kept,
    }
    readable = host.run(f"cat {' '.join(found)}", user="www-data", check=False)
    assert not readable.stdout
    assert_serves(host)
