"""Hosts keep what another version of the bundle wrote: each reads the names that the other stores.

docs/architecture.md lists the stored names. A release of the older version runs under the newer
version's scripts, and a release of the newer version under the older scripts.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import BASE, assert_serves

ROOT = Path(__file__).parents[2]
OLDER = "1cbfb49"  # the last commit before the tree was ordered into layers
PROPERTY, BY_HAND = "omero.web.page_size", "omero.web.ping_interval"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older version's checkout."""
    place = tmp_path_factory.mktemp("older")
    done = subprocess.run(["git", "archive", OLDER], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, f"{done.stderr.decode()} (a shallow clone? it must hold {OLDER})"
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(place, filter="data")
    return place


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    """A host that the present version has deployed, with its release."""
    with make_session_host("systemd", name="versions", image=deployed_systemd_image) as host:
        yield host


def active(site: Host) -> str:
    return Path(site.run(f"readlink -f {BASE}/venv3").stdout.strip()).name


def assert_well(site: Host, release: str, page_size: int) -> None:
    """That release serves with that value, and each day-two command answers."""
    assert active(site) == release
    assert_serves(site)
    assert site.run(["omero", "config", "get", PROPERTY]).stdout.strip() == str(page_size)
    site.install_updates()  # status warns of pending ones
    status = json.loads(site.run("omeroweb-ops status --json", check=False).stdout)
    assert status["releases"]["serves"]["name"] == release
    expected = ("OMERO.server", f"set by hand: {BY_HAND}", f"set manually: {BY_HAND}")
    odd = [each for each in status["warnings"] if not any(part in str(each) for part in expected)]
    assert odd == []
    site.run("omeroweb-ops ready --timeout 60 --current")
    assert release in site.run("omeroweb-ops release list").stdout
    site.run("omeroweb-ops config plan", check=False)
    site.run("omero web clearsessions")


def test_releases_and_scripts_of_two_versions_work_together(site: Host, older: Path) -> None:
    def inventory(page_size: int) -> str:
        return docker_inventory(site, web_config={PROPERTY: page_size})

    newer_release = active(site)
    deploy(inventory(11))  # the present version
    deploy(inventory(12), project=older)
    older_release = active(site)
    assert older_release != newer_release
    assert_well(site, older_release, 12)

    # the newer release, under the scripts of the older version, takes the present configuration
    site.run("omeroweb-ops release rollback")
    assert_well(site, newer_release, 12)
    site.run("omero web restart")
    assert_well(site, newer_release, 12)
    site.run("omeroweb-ops release rollback")
    assert_well(site, older_release, 12)

    # the upgrade: nothing is lost, a second run changes nothing
    site.run(["omero", "config", "set", BY_HAND, "61000"])
    deploy(inventory(12))
    assert_well(site, newer_release, 12)
    kept = site.run(["omero", "config", "get", BY_HAND]).stdout.strip()
    assert kept == "61000"
    assert deploy(inventory(12)).changed == 0

    # the older release, under the scripts of the newer version
    site.run("omeroweb-ops release rollback")
    assert_well(site, older_release, 12)
    site.run("omero web restart")
    assert_well(site, older_release, 12)
    site.run("omeroweb-ops release rollback")
    assert_well(site, newer_release, 12)
    deploy(inventory(13))
    assert_well(site, newer_release, 13)


def test_a_host_of_an_older_version_without_systemd_gets_the_process_manager(
    make_host: MakeHost, older: Path
) -> None:
    """There supervisor ran gunicorn itself, and a watcher; NGINX connected to the port."""
    host = make_host("plain")
    deploy(docker_inventory(host), project=older)
    older_release = active(host)
    watcher = "/etc/supervisor/conf.d/omero-web-liveness.conf"
    assert host.run(f"supervisorctl status omero-web-liveness; cat {watcher}").stdout
    deploy(docker_inventory(host))
    assert active(host) != older_release
    assert_serves(host)
    assert "omero-web-liveness" not in host.run("supervisorctl status").stdout
    assert host.run(f"[ ! -e {watcher} ] && [ ! -e {BASE}/bin/liveness ]").exit_code == 0
    assert len(host.processes("process-manager")) == 1
    assert deploy(docker_inventory(host)).changed_operations == ()

    # the older release under the process manager, which its gunicorn takes for systemd
    host.run("omeroweb-ops release rollback")
    assert active(host) == older_release
    host.run("omero web restart")
    assert_serves(host)
    programs = {process.cmdline.split()[0] for process in host.processes("gunicorn")}
    assert programs == {f"{BASE}/releases/{older_release}/bin/python"}
    deploy(docker_inventory(host))
    assert active(host) != older_release

    # and back to the older version
    deploy(docker_inventory(host), project=older)
    assert_serves(host)
    assert active(host) == older_release
    assert not host.processes("process-manager")


def test_a_site_gets_another_omero_web_and_goes_back(site: Host, tmp_path: Path) -> None:
    def version() -> str:
        return site.run(f"ls {BASE}/venv3/lib/python3*/site-packages | grep ^omero_web-").stdout

    newer_release, newer = active(site), version()
    text = docker_inventory(site, web_requirements="requirements.txt")
    (tmp_path / "site.py").write_text(text)
    command = [str(ROOT / "run"), "lock", str(tmp_path), "--omero-web", "5.29.3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"^omero-web +5\.33\.2 +→ 5\.29\.3$", done.stdout, re.M)
    assert "sessions flush" in done.stderr  # its sessions in files have another form

    dry = deploy(text, "--dry", cwd=tmp_path)
    assert "OMERO.web 5.33.2 → 5.29.3 (way back)" in dry.output
    assert version() == newer
    deploy(text, cwd=tmp_path)
    assert "omero_web-5.29.3.dist-info" in version()
    assert_serves(site)
    status = json.loads(site.run("omeroweb-ops status --json", check=False).stdout)
    assert "5.29.3" in json.dumps(status["releases"])
    again = deploy(text, cwd=tmp_path)
    assert again.changed == 0
    assert "OMERO.web 5.33.2" not in again.output

    upgrade = deploy(docker_inventory(site), "--dry")
    assert "OMERO.web 5.29.3 → 5.33.2 (upgrade)" in upgrade.output
    site.run("omeroweb-ops release rollback")
    assert active(site) == newer_release
    assert_serves(site)
