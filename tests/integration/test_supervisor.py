"""Day two on a host without systemd: changes and crashes while visitors come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration import load
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.site_checks import BASE, assert_maintenance, assert_serves, master, pids

LINE = {"omero.web.nginx_server_extra_config": ["add_header X-Changed yes always;"]}
LIVENESS = 15  # seconds


@pytest.fixture(scope="module")
def source(make_session_host: MakeHost) -> Iterator[Host]:
    """Where visitors come from."""
    with make_session_host("plain", name="supervisor-visitors") as host:
        load.install(host)
        yield host


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    with make_session_host("plain", name="supervisor", image=deployed_image) as host:
        deploy(inventory(host))
        yield host


def inventory(site: Host, **data: Any) -> str:
    return docker_inventory(site, web_liveness=LIVENESS, **data)


def release_of(site: Host) -> str:
    return Path(site.run(f"readlink {BASE}/venv3").stdout.strip()).name


def child(site: Host) -> int:
    """supervisor's child."""
    return int(site.run("supervisorctl pid omero-web").stdout)


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        ({"web_config": {"omero.web.page_size": 77}}, "omero config get omero.web.page_size"),
        ({"web_config": {"omero.web.wsgi_workers": 3}}, "omero config get omero.web.wsgi_workers"),
        (
            {"web_config": {"omero.web.application_server.port": 4091}},
            "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:4091/webclient/login/ "
            "| grep 200",
        ),
        ({"web_config": LINE}, "curl -sI http://127.0.0.1/webclient/login/ | grep -i x-changed"),
        ({}, "true"),
    ],
    ids=["property", "workers", "port", "nginx", "all taken back"],
)
def test_a_change_costs_no_visitor_a_request(
    site: Host, source: Host, data: dict[str, Any], changed: str
) -> None:
    manager, before = child(site), master(site)
    report = load.during(source, site, lambda: deploy(inventory(site, **data)))
    assert not report.failed, report
    assert site.run(changed).stdout.strip() or changed == "true"
    assert child(site) == manager  # supervisor has started nothing
    assert master(site) != before
    if not data:  # nothing is left of a port that is no more
        assert ":0FFB 00000000:0000 0A" not in site.read("/proc/net/tcp")
        assert deploy(inventory(site)).changed_operations == ()


def test_workers_share_what_the_master_has_loaded(site: Host) -> None:
    """A master that only starts workers would not have loaded Ice."""
    leader = master(site)
    assert "IcePy" in site.run(["cat", f"/proc/{leader}/maps"], user="omero-web").stdout
    parents = site.run(f"cat /proc/{leader}/task/{leader}/children").stdout.split()
    assert {*map(int, parents)} == {*pids(site)["omero-web"]} - {leader}


def test_another_release_and_the_way_back_cost_no_visitor_a_request(
    site: Host, source: Host, tmp_path: Path
) -> None:
    manager, before = child(site), release_of(site)
    lock = tmp_path / "ours.txt"
    lock.write_text("# ours\n" + (ROOT / "app" / "requirements.txt").read_text())
    report = load.during(source, site, lambda: deploy(inventory(site, web_requirements=str(lock))))
    assert not report.failed, report
    assert release_of(site) != before
    assert programs(site) == {f"{BASE}/releases/{release_of(site)}/bin/python"}

    report = load.during(
        source, site, lambda: site.run("omeroweb-ops release rollback", user="omero-web")
    )
    assert not report.failed, report
    assert release_of(site) == before
    assert programs(site) == {f"{BASE}/releases/{before}/bin/python"}
    assert child(site) == manager
    deploy(inventory(site))
    assert deploy(inventory(site)).changed_operations == ()


def programs(site: Host) -> set[str]:
    return {process.cmdline.split()[0] for process in site.processes("gunicorn")}


def test_a_killed_master_costs_no_visitor_a_request(site: Host, source: Host) -> None:
    """The process manager has the socket, where visitors wait."""
    manager, before = child(site), pids(site)["omero-web"]
    with load.visitors(source, site) as report:
        site.kill(master(site))
        site.wait_until(
            lambda: site.run("omero web status", check=False).exit_code == 0, 30, "a master"
        )
    assert not report.failed, report
    assert not {*before} & {*pids(site)["omero-web"]}
    assert child(site) == manager
    assert deploy(inventory(site)).changed_operations == ()


def test_a_restart_costs_no_visitor_a_request_and_stopped_is_stopped(
    site: Host, source: Host
) -> None:
    """In the middle of a hand-over, too, when two masters have visitors."""
    with load.visitors(source, site) as report:
        for into in (0.2, 0.6, 1.0, 1.4, 5):  # seconds
            site.run(f"supervisorctl signal HUP omero-web; sleep {into}; omero web restart")
    assert not report.failed, report
    site.run("omero web stop")
    assert not site.processes("gunicorn|process-manager")
    assert_maintenance(site, "/webclient/login/")
    status = site.run("omero web status", check=False)
    assert (status.exit_code, status.stdout) == (1, "OMERO.web status... [NOT STARTED]\n")
    site.run("omero web start")
    assert_serves(site)


def test_workers_that_hang_are_noticed_and_replaced(site: Host) -> None:
    before = pids(site)["omero-web"]
    site.kill(*before, signal="STOP")
    site.wait_until(
        lambda: site.http("/webclient/login/", timeout=5).status_code == 200, 60, "an answer again"
    )
    assert not {*before} & {*pids(site)["omero-web"]}


@pytest.mark.parametrize("killed", ["process manager", "supervisor"])
def test_what_a_killed_manager_has_left_ends(site: Host, killed: str) -> None:
    """Otherwise two gunicorns would answer, of which nobody restarts one."""
    before = pids(site)["omero-web"]
    if killed == "supervisor":
        site.kill(*(process.pid for process in site.processes("supervisord")))
        assert_serves(site)
        site.run("omero web start")
    else:
        site.kill(child(site))
    site.wait_until(
        lambda: (
            not {*before} & {*pids(site)["omero-web"]}
            and site.run("omero web status", check=False).exit_code == 0
        ),
        30,
        "another gunicorn",
    )
    assert_serves(site)
    assert len(site.processes("process-manager")) == 1
    leader = master(site)
    parents = site.run(f"cat /proc/{leader}/task/{leader}/children").stdout.split()
    assert {*map(int, parents)} == {*pids(site)["omero-web"]} - {leader}
    deploy(inventory(site))
    assert deploy(inventory(site)).changed_operations == ()
