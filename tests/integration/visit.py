"""A user's browser on a site: logging in, and everything that went wrong on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.integration.hosts import wait_until
from tests.integration.omero_server import User

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Response

LIMIT = 60_000  # ms
# Asked by OMERO.web's viewer of the site's root: is an image service of another project there?
# The login page asks for the versions of OMERO.insight elsewhere; a test needs no internet.
OPTIONAL = "/omero_ms_image_region/"
VERSIONS = "https://api.github.com/**"


class Visit:
    """A page of a browser with cookies of its own. site: the URL up to OMERO.web's prefix.

    mistakes: errors of the console and of scripts, requests that failed or were refused.
    """

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site
        self.mistakes: list[str] = []
        page.set_default_timeout(LIMIT)
        page.on("console", lambda said: self._note(
            said.type == "error" and OPTIONAL not in said.location["url"],
            f"console: {said.text}"))  # fmt: skip
        page.on("pageerror", lambda error: self._note(True, f"script: {error}"))
        page.on("requestfailed", lambda sent: self._note(
            sent.failure != "net::ERR_ABORTED", f"{sent.failure}: {sent.url}"))  # fmt: skip
        page.on("response", self._judge)

    def log_in(self, user: User, password: str | None = None) -> None:
        """Fill in the login page, from wherever the browser is sent to it."""
        if "/login/" not in self.page.url:
            self.page.goto(f"{self.site}/webclient/login/")
        self.page.fill("input[name=username]", user.name)
        self.page.fill("input[name=password]", password or user.password)
        self.page.click("input[type=submit]")
        self.wait_until_idle()

    def open(self, name: str) -> None:
        """Open a project or dataset of the tree."""
        self.node(name).locator("xpath=../i").click()

    def node(self, name: str) -> Locator:
        """What the tree has by that name."""
        return self.page.locator("#dataTree .jstree-anchor", has_text=name)

    def wait_for_images(self, selector: str) -> None:
        """Wait until pictures have arrived, not only their places."""
        wait_until(
            lambda: self._widths(selector) and min(self._widths(selector)) > 50, 20, selector
        )

    def _widths(self, selector: str) -> list[int]:
        widths = "images => images.map(each => each.naturalWidth)"
        return list(self.page.locator(selector).evaluate_all(widths))

    def wait_until_idle(self) -> Page:
        """The page, when it has asked for all that it needs."""
        self.page.wait_for_load_state("networkidle")
        return self.page

    def cookie(self, name: str) -> Any:
        """The cookie of the site with that name."""
        (found,) = [each for each in self.page.context.cookies() if each["name"] == name]
        return found

    def _judge(self, response: Response) -> None:
        refused = response.status >= 400 and OPTIONAL not in response.url
        self._note(refused, f"{response.status}: {response.url}")

    def _note(self, wrong: bool, what: str) -> None:
        if wrong:
            self.mistakes.append(what)


@contextlib.contextmanager
def visit(browser: Browser, site: str) -> Iterator[Visit]:
    """A browser window on the site."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1400, "height": 900})
    context.route(VERSIONS, lambda route: route.fulfill(
        json=[], headers={"Access-Control-Allow-Origin": "*"}))  # fmt: skip
    try:
        yield Visit(context.new_page(), site)
    finally:
        context.close()
