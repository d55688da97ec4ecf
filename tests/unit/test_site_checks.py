"""The pages of web_checks, requested from a server as OMERO.web gets the requests of NGINX."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest
from omeroweb_ops import cli, site_checks
from omeroweb_ops.login_page import Address
from omeroweb_ops.site_checks import SiteCheck

from tests.unit.helpers import listening

HOST = "images.example.org"


class Site(BaseHTTPRequestHandler):
    """A site below /omero: its root redirects to a gallery, and a page leads to another host."""

    def do_GET(self) -> None:
        pages = {
            "/omero/gallery/?all=1": 200,
            "/omero/broken/": 500,
            "/omero/webclient/login/": 200,
        }
        moved = {
            "/omero/": "gallery/?all=1",
            "/omero/absolute/": f"https://{HOST}/omero/gallery/?all=1",
            "/omero/abroad/": "https://id.example.org/login",
            "/omero/loop/": "/omero/loop/",
        }
        known = self.headers["Host"] == HOST and self.headers["X-Forwarded-Proto"] == "https"
        if self.path in moved and known:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
        else:
            self.send_response(pages.get(self.path, 404) if known else 400)
        self.end_headers()
        self.wfile.write("<h1>Gallery of Müller</h1>".encode())

    def log_message(self, format: str, *_arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[Address]:
    with listening(Site) as port:
        yield Address("127.0.0.1", port, "/omero")


def check(path: str, status: int = 200, text: str | None = None) -> SiteCheck:
    return SiteCheck(path, f"/omero{path}", HOST, "https", status, text)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (check("/gallery/?all=1", text="Gallery of Müller"), None),
        (check("/", text="Gallery"), None),
        (check("/absolute/", text="Gallery"), None),
        (check("/", 302), None),
        (check("/abroad/", 302), None),
        (check("/broken/", 500), None),
        (check("/gallery/"), "/gallery/ must answer 200, not 404"),
        (check("/broken/"), "/broken/ must answer 200, not 500"),
        (check("/", 301), "/ must answer 301, not 302 (to gallery/?all=1)"),
        (check("/abroad/"), "/abroad/ must answer 200, not 302 (to https://id.example.org/login)"),
        (check("/loop/"), "/loop/ must answer 200, not 302 (to /omero/loop/)"),
        (
            check("/", text="Welcome"),
            "/ must have the text 'Welcome', not: <h1>Gallery of Müller</h1>",
        ),
    ],
)
def test_a_page_that_is_not_as_expected_is_named(
    address: Address, wanted: SiteCheck, problem: str | None
) -> None:
    found = [*site_checks.problems([wanted], address)]
    assert found == ([] if problem is None else [f"web_checks: {problem}"])


def test_every_failure_is_reported_and_a_closed_port_is_one() -> None:
    found = [*site_checks.problems([check("/a/"), check("/b/")], Address("127.0.0.1", 1, ""))]
    assert [each.split(" must")[0] for each in found] == ["web_checks: /a/", "web_checks: /b/"]
    assert "does not answer: [Errno 111]" in found[0]


def test_ready_decides_with_the_checks_of_the_last_deploy(
    address: Address,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stored = tmp_path / "checks.json"

    class Engine:
        locations = SimpleNamespace(checks=stored)

        @staticmethod
        def effective(name: str) -> object:
            return {"omero.web.application_server.port": address.port}.get(name)

    monkeypatch.setattr(cli, "Engine", lambda _locations: Engine)
    monkeypatch.setattr("omeroweb_ops.wait_ready.wait", lambda *_, **__: None)
    words = ["ready", "--checks"]
    assert cli.main(words) == 0  # there are none
    stored.write_text(site_checks.dump([check("/", text="Gallery")]))
    assert cli.main(words) == 0
    stored.write_text(site_checks.dump([check("/gallery/")]))
    assert cli.main(["ready"]) == 0  # a restart and a rollback are not decided by them
    assert capsys.readouterr().err == ""
    assert cli.main(words) == 1
    assert capsys.readouterr().err == (
        "omeroweb-ops: web_checks: /gallery/ must answer 200, not 404\n"
    )
    stored.write_text("[{}]")
    assert cli.main(words) == 1
    assert "deploy again" in capsys.readouterr().err
