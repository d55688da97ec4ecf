"""A compromised OMERO.web on a real host: no deploy and no command of root's is led out of its way.

The attacker is a process of omero-web outside of its sandbox, which may do whatever that user may.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import BASE, OMERODIR, assert_serves

VAR = f"{OMERODIR}/var"
VICTIM = "/root/victim"


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    with make_session_host("systemd", name="privilege", image=deployed_systemd_image) as host:
        host.wait_until(lambda: host.http("/webclient/login/").status_code == 200, 60, "the site")
        host.run(f"mkdir -m 700 {VICTIM} && echo root only > {VICTIM}/secret")
        yield host


def as_service(host: Host, command: str) -> None:
    host.run(["runuser", "-u", "omero-web", "--", "sh", "-c", f"set -e; {command}"])


def victim(host: Host) -> str:
    return host.run(f"stat -c '%U:%G %a %n' {VICTIM} {VICTIM}/* && cat {VICTIM}/*").stdout


def test_links_in_the_place_of_directories_stop_the_deploy_and_are_named(site: Host) -> None:
    text, before = docker_inventory(site), victim(site)
    as_service(site, f"mv {VAR}/log {VAR}/l; ln -s {VICTIM} {VAR}/log")
    # as an older bundle left it: OMERODIR was the service's own
    site.run(f"chown omero-web {OMERODIR} {OMERODIR}/etc")
    as_service(site, f"mv {OMERODIR}/etc {OMERODIR}/e; ln -s {VICTIM} {OMERODIR}/etc")
    refused = deploy(text, expect=1)
    for path in (f"{VAR}/log", f"{OMERODIR}/etc"):
        assert (
            f"{path}: must be a directory, not a symbolic link to {VICTIM}; move the link away"
            in refused.output
        )
    assert "nothing has been changed" in refused.output
    assert victim(site) == before
    as_service(site, f"rm {VAR}/log; mv {VAR}/l {VAR}/log")
    as_service(site, f"rm {OMERODIR}/etc; mv {OMERODIR}/e {OMERODIR}/etc")
    changed = {*deploy(text).changed_operations}
    # the second describes the site: a copy of a host has an address of its own
    assert {"OMERO.web | Make directories"} <= changed
    assert changed <= {"OMERO.web | Make directories", "OMERO.web | Write files"}
    owned = f"stat -c '%U %a' {OMERODIR} {OMERODIR}/etc {OMERODIR}/bin {OMERODIR}/etc/grid {VAR}"
    assert site.run(owned).stdout.splitlines() == [
        *["root 755"] * 3,
        "omero-web 750",
        "omero-web 755",
    ]
    assert deploy(text).changed == 0


def test_pipes_and_endless_files_hold_no_deploy_up(site: Host) -> None:
    odd = f"mkfifo {VAR}/workers/1 {VAR}/workers/2; ln -s /dev/zero {VAR}/workers/3"
    as_service(site, odd)
    began = time.monotonic()
    assert deploy(docker_inventory(site), timeout=200).changed == 0
    done = site.run("omeroweb-ops ready --timeout 10 --current", check=False, timeout=100)
    assert done.exit_code == 0, done.stderr
    assert time.monotonic() - began < 100
    as_service(site, f"rm {VAR}/workers/1 {VAR}/workers/2 {VAR}/workers/3")


def test_what_pages_load_is_root_s_and_nginx_meets_no_link(site: Host) -> None:
    assert site.run(f"find {BASE}/releases/*/static ! -user root -o -perm /022").stdout == ""
    done = site.run(
        ["runuser", "-u", "omero-web", "--", "ln", "-s", "/etc/passwd", f"{BASE}/venv3/static/x"],
        check=False,
    )
    assert done.exit_code != 0
    assert_serves(site)


def test_people_and_scripts_find_omero_below_omerodir(site: Host) -> None:
    omero = f"{OMERODIR}/bin/omero"
    assert "[RUNNING]" in site.run([omero, "web", "status"]).stdout
    site.write("/tmp/properties.omero", "config set omero.web.page_size 77\n")
    as_service(site, f"{omero} load /tmp/properties.omero")
    assert site.run([omero, "config", "get", "omero.web.page_size"]).stdout.strip() == "77"
    site.run([omero, "config", "set", "omero.web.page_size"])
    assert deploy(docker_inventory(site)).changed == 0
