"""Other connectors: this machine itself, SSH with sudo; and what a deploy must keep to itself."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
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


# What unattended-upgrades or cloud-init hold while they install something, until a file is there.
HOLD_DPKG = """
import fcntl, os, time
with open("/var/lib/dpkg/lock-frontend", "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    while not os.path.exists("/run/let-go"):
        time.sleep(0.1)
"""


def test_over_ssh_with_sudo_on_a_hardened_host_that_installs_something(
    make_host: MakeHost, ssh_key: Path
) -> None:
    """Sessions have umask 077, as login.defs and pam_umask of hardening guides make it."""
    host = make_host("ssh")
    host.run("sed -i 's/^UMASK.*/UMASK 077/' /etc/login.defs")
    host.run("echo 'session optional pam_umask.so' >> /etc/pam.d/common-session")
    host.run("echo 'session optional pam_umask.so' >> /etc/pam.d/common-session-noninteractive")
    assert host.run("su - admin -c 'sudo sh -c umask'").stdout.strip() == "0077"
    host.write("/root/hold.py", HOLD_DPKG)
    host.run("setsid python3 /root/hold.py > /run/said 2>&1 &")
    wait_until(lambda: host.read("/run/said") == "held\n", 10, "dpkg's lock")
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(deploy, ssh_inventory(host, ssh_key))
        wait_until(lambda: host.processes(r"^sleep 1\b"), 120, "a deploy that waits for dpkg")
        host.write("/run/let-go", "")
    said = r"waiting for python3 \(process \d+\), which holds /var/lib/dpkg/lock-frontend"
    assert re.search(said, run.result().output)
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
        yaml.safe_dump({"redis_password": password, "omero.web.secret_key": "one key for all"})
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
