"""The maintenance page in a real browser: it returns by itself and sends no form twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration import picture
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    with make_session_host("plain", image=deployed_image) as host:
        deploy(docker_inventory(host))
        yield host


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_looks_right(
    site: Host, browser: Browser, screenshots: Path, width: int, scheme: str
) -> None:
    site.run("omero web stop")
    page = browser.new_page(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(f"http://{site.ip}/webclient/")
    assert answer
    assert answer.status == 503
    overflow = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not overflow
    page.screenshot(path=str(screenshots / f"maintenance-{width}-{scheme}.png"))
    assert all(url.startswith(f"http://{site.ip}/") for url in asked)
    page.close()


def test_it_returns_by_itself_and_sends_the_form_once(site: Host, browser: Browser) -> None:
    site.run("omero web start")
    page = browser.new_page()
    posts: list[str] = []
    page.on(
        "request",
        lambda request: posts.append(request.url) if request.method == "POST" else None,
    )
    page.goto(f"http://{site.ip}/webclient/login/")
    site.run("omero web stop")
    page.fill("#id_username", "ada")
    page.fill("#id_password", "secret")
    page.click("input[type=submit]")
    page.wait_for_selector("text=/maintenance/i")
    assert len(posts) == 1
    site.run("omero web start")
    page.wait_for_selector("#id_username", timeout=120_000)
    assert len(posts) == 1
    page.close()


def test_the_picture_of_the_readme_can_be_made(
    site: Host, browser: Browser, screenshots: Path
) -> None:
    """`cp .artifacts/screenshots/site.webp docs/pictures/` puts it into the README."""
    site.run("omero web start")
    status = site.run("omeroweb-ops status", check=False).stdout
    login = picture.screenshot(browser, f"http://{site.ip}/webclient/login/")
    site.run("omero web stop")
    maintenance = picture.screenshot(browser, f"http://{site.ip}/webclient/")
    made = screenshots / "site.webp"
    made.write_bytes(picture.compose(browser, login, maintenance, status))
    assert picture.is_lossless_webp(made.read_bytes())
    shown = picture.COMMITTED.read_bytes()
    assert picture.is_lossless_webp(shown) and len(shown) < picture.LARGEST
