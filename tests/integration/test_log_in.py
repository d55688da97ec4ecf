"""Users of an OMERO.server log in, browse and leave, in a browser, through NGINX."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from omeroweb_ops.state import plugin_catalogue, schema

from tests.integration.client import Client
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.omero_server import ADA, BOB, OmeroServer, omero_host
from tests.integration.site_checks import BASE
from tests.integration.visit import visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PREFIX = "/omero"
SITES = ["plain", "TLS, prefix and plugins"]
COOKIE_AGE = 7200  # seconds
PLUGINS = plugin_catalogue.catalogue()
FULL: dict[str, Any] = {
    "nginx_tls": "self-signed",
    "web_plugins": [*PLUGINS],
    "web_config": {
        "omero.web.mapr.config": PLUGINS["omero-mapr"].needs["omero.web.mapr.config"],
        "omero.web.forms.priv.user": "root",
        "omero.web.signup.admin.user": "root",
        "omero.web.signup.group.name": "new users",
        "omero.web.omero_vitessce.serveraddress": '"https://omero.example.org"',
        "omero.web.login_redirect": {},  # of omero-virtual-microscope
        "omero.web.prefix": PREFIX,
        "omero.web.session_expire_at_browser_close": False,
        "omero.web.session_cookie_age": COOKIE_AGE,
    },
}
REFUSED = "Connection not available, please check your user name and password."

OTHER_VERSION = "Client version does not match server, please contact administrator."

SEARCH = "/webclient/load_searching/form/?query=2-1-3&datatype=images&searchGroup=-1&ownedBy=-1"
# Of each plugin a page, and what the page has when all is well.
PLUGIN_PAGES = {
    "omero-iviewer": ("/iviewer/?images=1", "omero_iviewer"),
    "omero-figure": ("/figure/", "OMERO.figure"),
    "omero-mapr": ("/mapr/gene/", "Gene"),
    "idr-gallery": ("/idr_gallery/", "IDR: Image Data Resource"),
    "omero-autotag": ("/static/omero_autotag/js/bundle.min.js", ""),
    "omero-biofilefinder": ("/biofilefinder/open_with_bff?project=1", "BioFile Finder"),
    "omero-forms": ("/omero_forms/designer/", "Designer"),
    "omero-fpbioimage": ("/fpbioimage/viewer/1/", "First Person Bioimage"),
    "omero-gallery": ("/gallery/show_project/1/", "Project 1 of ada"),
    "omero-parade": ("/parade/dataproviders/?dataset=1", "ROI_count"),
    "omero-tagsearch": ("/omero_tagsearch/", "Tag"),
    "omero-virtual-microscope": ("/index/", "Virtual Microscope Courses"),
    "omero-vitessce": ("/omero_vitessce/dataset/1", "vitessce"),
    "omero-web-zarr": ("/zarr/v0.4/image/1.zarr/.zattrs", "multiscales"),
}
PAGES = (
    "/webclient/usertags/",
    "/webclient/api/tags/?id=2&page=0&group=3",
    "/webclient/api/shares/",
    "/webclient/history/",
    "/webclient/load_calendar/",
    "/webclient/load_history/2026/11/28/",
    "/webclient/list_scripts/",
    "/webadmin/myaccount/",
    "/api/v0/m/datasets/?project=1&childCount=true",
)


@dataclass(frozen=True)
class Site:
    """A deployed site. url: up to the prefix."""

    host: Host
    url: str
    tls: bool


@pytest.fixture(scope="module")
def omero(make_session_host: MakeHost, deployed_image: str) -> Iterator[OmeroServer]:
    with omero_host(make_session_host, deployed_image) as server:
        yield server


@pytest.fixture(scope="module")
def web(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    with make_session_host("plain", image=deployed_image) as host:
        yield host


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The passwords that plugins need."""
    file = tmp_path_factory.mktemp("site") / "secrets.yml"
    names = [name for each in PLUGINS.values() for name in each.needs if name.endswith("password")]
    file.write_text("".join(f"{name}: not the right one\n" for name in names))
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module", params=SITES)
def site(request: pytest.FixtureRequest, web: Host, omero: OmeroServer, secrets: Path) -> Site:
    tls = request.param != SITES[0]
    settings = {**FULL, "web_secrets": str(secrets)} if tls else {"web_config": {}}
    servers = {"omero.web.server_list": omero.server_list}
    deploy(docker_inventory(web, **settings | {"web_config": settings["web_config"] | servers}))
    return Site(web, f"https://{web.ip}{PREFIX}" if tls else f"http://{web.ip}", tls)


def test_a_user_logs_in_browses_and_logs_out(
    site: Site, browser: Browser, screenshots: Path
) -> None:
    kind = "tls" if site.tls else "plain"
    with visit(browser, site.url) as user:
        page = user.page
        page.goto(f"{site.url}/webclient/")
        user.log_in(ADA)
        assert page.url == f"{site.url}/webclient/"
        assert page.get_by_text("Ada Lovelace").first.is_visible()

        user.open("Project 1 of ada")
        user.node("Dataset 1.2").click()
        thumbnails = page.locator("#dataIcons img")
        thumbnails.first.wait_for()
        assert thumbnails.count() == 3
        user.wait_for_images("#dataIcons img")
        thumbnails.first.click()
        panel = page.locator("#metadata_general")
        panel.get_by_text("image-1-2-1.tif").first.wait_for()
        user.wait_until_idle()
        page.screenshot(path=screenshots / f"browse-{kind}.png")
        page.click("a[href='#preview_tab']")
        user.wait_for_images("#viewport-img")
        page.screenshot(path=screenshots / f"preview-{kind}.png")

        page.reload()
        assert user.wait_until_idle().get_by_text("Ada Lovelace").first.is_visible()

        page.click("#show_user_dropdown")
        page.click("#logout a")
        page.wait_for_url("**/webclient/login/**")
        # the way back to where somebody wanted to go
        page.goto(f"{site.url}/webclient/?show=dataset-1")
        assert "/webclient/login/?url=" in page.url
        user.log_in(ADA)
        assert page.url == f"{site.url}/webclient/?show=dataset-1"
        page.locator("#dataIcons img").first.wait_for()
        assert user.mistakes == []
    with visit(browser, site.url) as other:
        other.log_in(BOB)
        assert other.node("Project 1 of bob").is_visible()
        assert other.node("Project 1 of ada").count() == 0
        assert other.mistakes == []


def test_a_wrong_password_lets_nobody_in(site: Site, browser: Browser) -> None:
    with visit(browser, site.url) as user:
        user.log_in(ADA, "wrong")
        assert user.page.get_by_text(REFUSED).is_visible()
        user.page.goto(f"{site.url}/webclient/")
        assert "/webclient/login/?url=" in user.page.url
        assert user.mistakes == []


def test_cookies_are_as_configured(site: Site, browser: Browser) -> None:
    with visit(browser, site.url) as user:
        user.log_in(ADA)
        session, token = user.cookie("sessionid"), user.cookie("csrftoken")
        for cookie in (session, token):
            assert cookie["secure"] is site.tls
            assert cookie["path"] == (PREFIX if site.tls else "/")
            assert cookie["sameSite"] == "Lax"
        assert session["httpOnly"] is True
        if site.tls:
            assert session["expires"] == pytest.approx(time.time() + COOKIE_AGE, abs=120)
        else:
            assert session["expires"] == -1  # gone with the browser


@pytest.mark.parametrize("site", [SITES[1]], indirect=True, scope="module")
def test_a_user_opens_an_image_in_iviewer_and_a_new_figure(
    site: Site, browser: Browser, screenshots: Path
) -> None:
    with visit(browser, site.url) as user:
        user.log_in(ADA)
        page = user.page
        page.goto(f"{site.url}/iviewer/?images=1")
        page.get_by_text("image-1-1-1.tif").first.wait_for()
        page.locator(".ol-viewport canvas").first.wait_for()
        user.wait_until_idle().screenshot(path=screenshots / "iviewer.png")
        page.goto(f"{site.url}/figure/")
        page.get_by_text("Create New File").click()
        page.locator(".paper").wait_for()
        user.wait_until_idle()
        page.screenshot(path=screenshots / "figure.png")
        assert user.mistakes == []


@pytest.mark.parametrize("site", [SITES[1]], indirect=True, scope="module")
def test_each_plugin_of_the_catalogue_has_its_page(site: Site) -> None:
    assert PLUGINS.keys() - PLUGIN_PAGES.keys() == {"omero-signup"}
    signup = requests.get(f"{site.url}/signup/", verify=False, timeout=60)  # for who has no account
    assert "OMERO.web - Signup" in signup.text
    user = Client(site.url, ADA)
    wrong = []
    for name, (path, text) in PLUGIN_PAGES.items():
        answer = user.get(path)
        if answer.status_code != 200 or text not in answer.text:
            wrong.append((name, answer.status_code, answer.text[:2000]))
    assert wrong == []
    assert own_properties(site.host) == {
        entry["name"]: entry["kind"] for each in PLUGINS.values() for entry in each.properties or ()
    }


def own_properties(host: Host) -> dict[str, str]:
    """The properties of the catalogue's apps and their kinds, as they are installed."""
    apps = [each.app for each in PLUGINS.values()]
    command = [f"{BASE}/venv3/bin/python", "-m", "omeroweb_ops.state.schema_introspection", *apps]
    told = host.run(command, user="omero-web").stdout
    found = json.loads(told[told.index("{") :])["properties"]  # after the names of the apps
    names = schema.locked()
    return {each["name"]: each["kind"] for each in found if each["name"] not in names}


@pytest.mark.parametrize("site", [SITES[1]], indirect=True, scope="module")
def test_the_other_pages_of_the_menu_answer(site: Site) -> None:
    user = Client(site.url, ADA)
    user.get("/webgateway/get_shape_json/1/1/")  # a null result, which must not end the server
    for path in PAGES:
        answer = user.get(path)
        assert (answer.status_code, answer.history) == (200, []), path
    assert "image-2-1-3.tif" in user.get(SEARCH).text


@pytest.mark.parametrize("site", [SITES[1]], indirect=True, scope="module")
def test_a_user_is_back_at_the_same_page_after_an_outage(
    site: Site, browser: Browser, screenshots: Path
) -> None:
    with visit(browser, site.url) as user:
        user.log_in(ADA)
        here = f"{site.url}/webclient/?show=dataset-1"
        user.page.goto(here)
        site.host.run("omero web stop")
        user.page.reload()
        assert user.page.title() == "OMERO.web - Maintenance"
        user.page.screenshot(path=screenshots / "outage.png")
        site.host.run("omero web start")
        user.page.get_by_text("Ada Lovelace").first.wait_for()  # the page looks by itself
        assert user.page.url == here
        user.wait_for_images("#dataIcons img")


@pytest.mark.parametrize("site", [SITES[1]], indirect=True, scope="module")
def test_the_login_page_is_shown_when_the_server_has_forgotten_the_session(
    site: Site, omero: OmeroServer, browser: Browser
) -> None:
    with visit(browser, site.url) as user:
        user.log_in(ADA)
        omero.restart(version="5.4.10")
        user.page.reload()
        assert "/webclient/login/?url=" in user.page.url
        user.log_in(ADA)
        assert user.page.get_by_text(OTHER_VERSION).is_visible()
        omero.restart(version="5.6.0")
        user.log_in(ADA)
        assert user.page.get_by_text("Ada Lovelace").first.is_visible()


def test_the_stand_in_has_all_that_omero_web_asked_for(omero: OmeroServer) -> None:
    calls = omero.calls()
    assert calls["not_implemented"] == {}
    assert calls["calls"]["Router.createSession"] > 1
