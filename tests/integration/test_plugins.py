"""Plugins on a real host: what they bring, what is refused, and that nothing of them stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from omeroweb_ops.state import plugin_catalogue

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import BASE, assert_serves
from tests.integration.test_configuration import visitor
from tests.integration.verbs import run_verb
from tests.packages import locked, plugin

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LINKS, OPEN_WITH = "omero.web.ui.top_links", "omero.web.open_with"
CATALOGUE = ["omero-iviewer", "omero-figure", "omero-mapr"]
MAPR = {
    "omero.web.mapr.config": plugin_catalogue.catalogue()["omero-mapr"].needs[
        "omero.web.mapr.config"
    ]
}
OURS = ["Ours", "ours", {}]
COUNT = 'CUSTOM_SETTINGS_MAPPINGS = {"omero.web.count": ["COUNT", 5, int, "How many"]}\n'


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_image: str) -> Host:
    return make_session_host("plain", image=deployed_image)


@pytest.fixture(scope="module")
def ours(host: Host, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two plugins of a site's own: a wheel beside the inventory, and one by a lock."""
    folder = tmp_path_factory.mktemp("plugins")
    files = {"settings.py": COUNT}
    wheel, other = plugin(folder, "ours", files), plugin(folder, "other-plugin")
    host.copy_in(other, f"/srv/{other.name}")
    lock = folder / "other.txt"
    lock.write_text(locked(other, "other-plugin", f"/srv/{other.name}"))
    properties = {"omero.web.page_size": 77, "omero.web.count": 6}
    return [
        {"package": "ours", "app": "ours", "wheel": str(wheel), "set": properties,
         "append": {LINKS: [OURS]}, "remove": {LINKS: ["History"]},
         "nginx": ["location = /ours/beside {", "return 204;", "}",
                   "location = /ours/other {", "return 204;", "}"]},
        {"package": "other-plugin", "app": "other_plugin", "requirements": str(lock)},
    ]  # fmt: skip


def configuration(host: Host) -> dict[str, str]:
    lines = host.run("omero config get").stdout.splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def has(host: Host, *packages: str) -> list[bool]:
    """Whether each package is installed in the release that serves."""
    names = ",".join(packages)
    code = (
        "from importlib.metadata import distributions\n"
        "found = {each.name for each in distributions()}\n"
        f"print([name in found for name in '{names}'.split(',')])"
    )
    found = host.run([f"{BASE}/venv3/bin/python", "-c", code]).stdout
    return [word.strip("[] \n") == "True" for word in found.split(",")]


def test_plugins_of_the_catalogue_and_of_the_site_s_own_come_serve_and_go(
    host: Host, ours: list[dict[str, Any]], browser: Browser, tmp_path: Path
) -> None:
    before = configuration(host)
    every = docker_inventory(host, web_plugins=[*CATALOGUE, *ours], web_config=MAPR)
    known = docker_inventory(host, web_plugins=["omero-iviewer", "omero-figure"])
    planned = run_verb(tmp_path, known, "plan", expect=2)
    assert "omero.web.apps: omero_iviewer, omero_figure, with the new release" in planned, planned
    assert "omero.web.viewer.view: (not set) → omero_iviewer.views.index" in planned
    assert "cannot import" not in planned
    deploy(every)
    assert deploy(every).changed_operations == ()
    assert_serves(host)
    assert has(host, *CATALOGUE, "ours", "other-plugin") == [True] * 5
    for name in CATALOGUE:  # which the catalogue knows before a release is built
        metadata = f"{BASE}/venv3/lib/python3*/site-packages/{name.replace('-', '_')}-*/METADATA"
        needs = host.run(f"grep -h '^Requires-Dist: omero-web' {metadata} || :").stdout
        assert plugin_catalogue.catalogue()[name].omero_web in needs
        assert (">=5.2" in needs or ">=5.3" in needs) <= bool(
            plugin_catalogue.catalogue()[name].omero_web
        )
    listed = host.run("omeroweb-ops release list").stdout
    assert "omero-mapr 0.5.3, other-plugin 1.0, ours 1.0" in listed
    for path in ("/figure/", "/iviewer/", "/mapr/gene/"):
        answer = host.http(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/webclient/login/?url=")
    assert host.http("/ours/").text == "ours"
    assert {host.http(f"/ours/{name}").status_code for name in ("beside", "other")} == {204}
    assert host.http("/other_plugin/").text == "other-plugin"
    for name in ("omero_iviewer/openwith.js", "omero_figure/index.html",
                 "mapr/image/favicon.png", "ours/own.css"):  # fmt: skip
        assert host.http(f"/static/{name}").status_code == 200, name
    links = json.loads(configuration(host)[LINKS])
    assert [link[0] for link in links] == ["Data", "Help", "Figure", "Ours"]
    viewers = json.loads(configuration(host)[OPEN_WITH])
    assert [viewer[0] for viewer in viewers] == ["Image viewer", "omero_iviewer", "omero_figure"]
    shows_the_login_page(host, browser, "/figure/")

    # what is taken out of the inventory leaves nothing behind
    deploy(docker_inventory(host, web_plugins=["omero-iviewer"]))
    assert has(host, *CATALOGUE, "ours", "other-plugin") == [True, False, False, False, False]
    after = configuration(host)
    assert json.loads(after.pop(OPEN_WITH))[-1][0] == "omero_iviewer"
    assert json.loads(after.pop("omero.web.apps")) == ["omero_iviewer"]
    assert after.pop("omero.web.viewer.view") == "omero_iviewer.views.index"
    assert after == before
    assert host.http("/ours/").status_code == 404
    assert host.http("/ours/beside").status_code == 404
    # readable while pages of the release before are open, and gone with it
    assert not host.exists(f"{BASE}/venv3/static/omero_figure")
    assert host.http("/static/omero_figure/index.html").status_code == 200
    assert_serves(host)


def shows_the_login_page(host: Host, browser: Browser, path: str) -> None:
    """Where a visitor who is not logged in is led to, in a browser whose scripts all run."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://{host.ip}{path}")
    assert page.title().strip() == "OMERO.web - Login"
    assert page.locator("input[name=username]").is_visible()
    page.close()
    assert errors == []


def test_plugins_that_would_not_work_are_refused_while_the_site_serves(
    host: Host, ours: list[dict[str, Any]], tmp_path: Path
) -> None:
    raising = plugin(tmp_path, "raising", {"__init__.py": "raise RuntimeError('the reason')\n"})
    mislabelled = plugin(tmp_path, "mislabelled")
    release = host.run(f"readlink {BASE}/venv3").stdout
    before = configuration(host)
    wrong = [
        {"package": "raising", "app": "raising", "wheel": str(raising)},
        {"package": "mislabelled", "app": "mislabeled", "wheel": str(mislabelled)},
        {**ours[0], "set": {"omero.web.count": "many"}},
    ]
    # somebody has put another file in the place of the locked one
    lock = tmp_path / "other.txt"
    there = Path(ours[1]["requirements"]).read_text().split()[2].removeprefix("file://")
    lock.write_text(locked(raising, "other-plugin", there))
    needy = plugin(tmp_path, "needy", needs=["nosuch-package-xyz"])
    with visitor(host) as seen:
        own = {"package": "needy", "app": "needy", "wheel": str(needy)}
        run = deploy(docker_inventory(host, web_plugins=[own]), expect=1)
        assert "needy requires `nosuch-package-xyz`, but it's not installed; add" in run.output
        run = deploy(docker_inventory(host, web_plugins=wrong), expect=1)
        assert "cannot import raising: RuntimeError: the reason (in raising/" in run.output
        assert "cannot import mislabeled: ModuleNotFoundError" in run.output
        assert "omero.web.count: must be a whole number, not 'many'" in run.output
        assert "the active one stays in use" in run.output
        other = {**ours[1], "requirements": str(lock)}
        run = deploy(docker_inventory(host, web_plugins=[other]), expect=1)
        assert "Hash mismatch" in run.output
    assert seen == {200}
    assert host.run(f"readlink {BASE}/venv3").stdout == release
    assert configuration(host) == before
    assert host.run("omeroweb-ops config plan").exit_code == 0
    assert_serves(host)
