"""Releases on a host: who builds them, and what a power cut or a damaged disk leaves of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import BASE, assert_serves
from tests.packages import wheel

# Runs in each Python that starts in the release, also while it is built.
HOSTILE = """
import os, sys, time
try:
    open(f"/srv/started/{os.getuid()}", "w").close()
except OSError:
    pass  # the service's sandbox
if not os.environ.get("OMERODIR") and os.fork() == 0:
    os.setsid()
    os.closerange(0, 3)
    end = time.monotonic() + 600
    while time.monotonic() < end:
        for name in ("static", "collected.new", "served", "complete", "plugins.new"):
            try:
                os.symlink("/srv/target", os.path.join(sys.prefix, name))
            except OSError:
                pass
        try:
            open("/srv/target", "a").close()
            open(__file__, "a").write("\\n# more\\n")
        except OSError:
            pass
        time.sleep(0.02)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    with make_session_host("systemd", name="releases", image=deployed_systemd_image) as host:
        yield host


@pytest.fixture(scope="module")
def inventory(site: Host, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a site with a plugin that is against it."""
    files = {
        "needed/__init__.py": "",
        "needed/urls.py": "from django.http import HttpResponse\nfrom django.urls import path\n"
        "urlpatterns = [path('', lambda request: HttpResponse('needed'))]\n",
        "hostile.pth": "import hostile\n",
        "hostile.py": HOSTILE,
    }
    path = str(wheel(tmp_path_factory.mktemp("wheels"), "needed", files))
    return docker_inventory(
        site, web_plugins=[{"package": "needed", "app": "needed", "wheel": path}]
    )


@pytest.fixture(scope="module")
def deployed(site: Host, inventory: str) -> str:
    """The plugin's release serves; returns the name of the one before."""
    before = linked(site)
    site.run("install -d -m 1777 /srv/started")
    deploy(inventory)
    assert linked(site) != before
    return before


def linked(site: Host) -> str:
    return Path(site.run(f"readlink {BASE}/venv3").stdout.strip()).name


def test_what_a_package_executes_while_it_is_built_is_not_root_s(site: Host, deployed: str) -> None:
    assert_serves(site)
    # the service's user, in its sandbox, cannot even say so
    builder = site.run("id -u omero-web-build").stdout.strip()
    assert site.run("ls /srv/started").stdout.split() == [builder]
    assert [p for p in site.processes() if p.user == "omero-web-build"] == []
    release = f"{BASE}/releases/{linked(site)}"
    others = f"find {release} -path {release}/static -prune -o"
    assert site.run(f"{others} ! -user root -print").stdout == ""
    assert site.run(f"{others} ! -type l -perm /022 -print").stdout == ""
    assert site.run(f"find {release} -lname '/srv/*'").stdout == ""
    assert not site.exists("/srv/target")
    # uv's cache is the builder's own: what lies there later is nothing of the release's
    assert site.run(f"find {release}/lib -type f -links +1 -print -quit").stdout == ""


def test_a_power_cut_between_release_and_configuration_heals_at_boot(
    site: Host, deployed: str
) -> None:
    """The release before has no plugin, and its configuration is that of the one with it."""
    serves = linked(site)
    site.run(f"{BASE}/bin/release link {deployed}")
    site.container.kill()
    site.container.start()
    site.wait_for_boot()
    site.wait_until(lambda: site.http("/needed/").text == "needed", 30, "the plugin's page")
    assert linked(site) == serves
    assert site.run("omeroweb-ops config plan").exit_code == 0
    assert "the host stopped during a change" in site.run("journalctl -b -u omero-web").stdout
    site.run("systemctl restart omero-web")
    assert linked(site) == serves


def test_a_release_whose_files_were_cut_is_built_anew(
    site: Host, inventory: str, deployed: str
) -> None:
    packages = "lib/python3.11/site-packages"
    site.run(f": > {BASE}/releases/{deployed}/{packages}/omeroweb/urls.py")
    refused = site.run("omeroweb-ops release rollback", check=False)
    assert refused.exit_code == 1
    assert f"release {deployed} is damaged" in refused.stderr

    site.run(f": > {BASE}/venv3/{packages}/omeroweb/decorators.py")
    assert "serves, damaged" in site.run("omeroweb-ops release list").stdout
    run = deploy(inventory)
    assert "OMERO.web | Build release" in run.changed_operations
    assert "serves, damaged" not in site.run("omeroweb-ops release list").stdout
    site.run("omero web restart")
    assert_serves(site)
    assert deploy(inventory).changed_operations == ()
