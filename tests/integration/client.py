"""A user of OMERO.web without a browser: downloads and uploads."""

from __future__ import annotations

import re
from collections.abc import Iterable

import requests

from tests.integration.omero_server import User
from tests.omero_stand_in.files import PERIOD, period

BLOCK = 1 << 20  # bytes


class Client:
    """Logged in. site: the URL up to OMERO.web's prefix."""

    def __init__(self, site: str, user: User) -> None:
        self.site, self.user = site, user
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = False
        login = f"{site}/webclient/login/"
        form = {"username": user.name, "password": user.password, "server": "1", "url": ""}
        answer = self.post("/webclient/login/", form, page=login)
        assert answer.status_code == 302, answer.text

    def is_in(self) -> bool:
        """Whether the user's own page is shown, and not the login page."""
        page = self.get("/webclient/")
        shown = self.user.full_name in page.text and "/login/" not in page.url
        return page.status_code == 200 and shown

    def get(self, path: str, stream: bool = False) -> requests.Response:
        """Ask for a page."""
        return self.session.get(f"{self.site}{path}", stream=stream, timeout=120)

    def post(
        self,
        path: str,
        form: dict[str, str],
        *,
        page: str | None = None,
        files: dict[str, tuple[str, bytes]] | None = None,
    ) -> requests.Response:
        """Send a form as the browser does, with the token of the page that has it."""
        page = page or f"{self.site}/webclient/"
        found = re.search(
            r"csrfmiddlewaretoken[\"'] value=[\"']([^\"']+)",
            self.session.get(page, timeout=60).text,
        )
        assert found
        return self.session.post(
            f"{self.site}{path}",
            data={**form, "csrfmiddlewaretoken": found[1]},
            files=files,
            headers={"Referer": page},
            timeout=120,
            allow_redirects=False,
        )


def assert_content(blocks: Iterable[bytes], id: int) -> int:
    """Compare with what the stand-in has for an original file; returns the number of bytes."""
    expected = period(id) * 2
    position = 0
    for block in blocks:
        for start in range(0, len(block), BLOCK):
            part, at = block[start : start + BLOCK], position % PERIOD
            assert part == expected[at : at + len(part)], f"at {position}"
            position += len(part)
    return position
