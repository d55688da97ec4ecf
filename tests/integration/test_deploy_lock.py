"""Two who change one host at the same time: the one waits for the other, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import OMERODIR, assert_serves

LOCK = "/run/omeroweb-ops"
LINE = "omero.web.nginx_server_extra_config"


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    with make_session_host("systemd", name="locked", image=deployed_systemd_image) as host:
        yield host


def inventory(host: Host, who: str) -> str:
    """Which shows in OMERO.web's configuration and in NGINX's."""
    config = {"omero.web.login_incorrect_credentials_text": who, LINE: [f"add_header X-Of {who};"]}
    return docker_inventory(host, web_config=config)


def is_held(host: Host) -> bool:
    return host.exists(f"{LOCK}/renewed")


def test_two_deploys_at_once_are_one_after_the_other(host: Host) -> None:
    names = ["anna", "bob"]
    with ThreadPoolExecutor(3) as pool:
        runs = {who: pool.submit(deploy, inventory(host, who)) for who in names}
        host.wait_until(lambda: is_held(host), 60, "the first deploy")
        person = pool.submit(host.run, "omero web restart", user="omero-web")
    outputs = {who: run.result().output for who, run in runs.items()}
    waited = [who for who in names if "waiting" in outputs[who]]
    assert len(waited) == 1
    assert "has been deploying to this host since 20" in outputs[waited[0]]
    assert host.http("/webclient/login/").headers["X-Of"] == waited[0]
    config = host.read(f"{OMERODIR}/etc/grid/config.xml")
    assert f'value="{waited[0]}"' in config
    assert "Waiting: " in person.result().stderr
    assert "[OK]" in person.result().stdout
    assert not is_held(host)
    assert deploy(inventory(host, waited[0])).changed_operations == ()
    assert_serves(host)


def test_a_deploy_that_has_lost_its_lock_does_nothing_more(host: Host) -> None:
    """As after a suspended laptop: somebody else has deployed meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(deploy, inventory(host, "late"), expect=None)
        host.wait_until(lambda: host.processes("omeroweb-ops config check"), 60, "the deploy")
        host.write(
            f"{LOCK}/owner", "token\n-\neve@elsewhere has been deploying since now\n", "0600"
        )
        ended = run.result()
    assert ended.exit_code == 1
    assert "this deploy ends, because another deploy has begun: eve@elsewhere" in ended.output
    assert 'value="late"' not in host.read(f"{OMERODIR}/etc/grid/config.xml")


def test_a_deploy_from_a_machine_that_is_gone_is_waited_for_a_minute(host: Host) -> None:
    up = float(host.read("/proc/uptime").split()[0])
    host.write(f"{LOCK}/owner", "token\n-\neve@elsewhere has been deploying since now\n", "0600")
    host.write(f"{LOCK}/renewed", f"{int(up) - 54}\n", "0600")
    dry = deploy(inventory(host, "late"), "--dry")
    assert "waiting: eve@elsewhere has been deploying since now\n" in dry.output
    assert host.read(f"{LOCK}/owner").startswith("token\n"), "a dry run takes no lock"
    host.write(f"{LOCK}/renewed", f"{int(float(host.read('/proc/uptime').split()[0]))}\n", "0600")
    for command in ("omeroweb-ops config apply", "omeroweb-ops release rollback"):
        for user in ("root", "omero-web"):
            asked = host.run(f"timeout 1 {command}", user=user, check=False)
            assert (asked.exit_code, asked.stdout) == (124, "")
            assert "Waiting: eve@elsewhere has been deploying since now." in asked.stderr
    host.run(f"rm {LOCK}/renewed")


def test_nobody_else_can_hold_the_locks(host: Host) -> None:
    host.run("omeroweb-ops maintenance on && omeroweb-ops maintenance off")
    for lock in (f"{LOCK}/command", "/var/lib/omero-web-maintenance/lock"):
        assert host.exists(lock)
        for user in ("omero-web", "nobody", "www-data"):
            refused = host.run(["flock", "-n", lock, "true"], user=user, check=False)
            assert refused.exit_code != 0
            assert "Permission denied" in refused.stderr


def test_what_a_link_is_called_runs_nothing_as_root(host: Host) -> None:
    """A directory of OMERO.web's user, with a line of the survey's own in its name."""
    evil, omero = f"{OMERODIR}/var/evil", f"{OMERODIR}/var/omero"
    host.write(evil, "#!/bin/sh\nid >> /root/executed\n", "0755")
    link = 'mv omero kept && mkdir -p "$1" && ln -s "$1" omero'
    host.run(
        f"chown omero-web: {evil}; cd {OMERODIR}/var && runuser -u omero-web -- "
        f"sh -c '{link}' _ '{omero}2\nexisting=init {evil}'"
    )
    assert "\nexisting=init " in host.run(f"readlink {omero}").stdout
    try:
        run = deploy(docker_inventory(host), expect=None)
        assert "not a symbolic link to" in run.output  # the survey has read it in one piece
        assert not host.exists("/root/executed")
        assert host.exists(evil)
    finally:
        host.run(f"cd {OMERODIR}/var && rm -rf evil omero omero2* && mv kept omero")
