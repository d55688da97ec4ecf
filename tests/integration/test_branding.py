"""A facility's logos and templates on a real site, from files beside the inventory."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import BASE, assert_serves

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PREFIX = "/omero"
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" width="300" height="100" viewBox="0 0 300 100">
<rect width="300" height="100" rx="12" fill="{color}"/><text x="150" y="62" fill="white"
font-family="sans-serif" font-size="34" text-anchor="middle">Facility</text></svg>"""
LOGIN = """{% extends "webclient/login.html" %}
{% block title %}Welcome to the facility{% endblock %}"""
IMAGE = re.compile(r'class="custom_logo">\s*<img src="([^"]+)"')


def png(width: int, height: int, color: bytes) -> bytes:
    """A picture of one color; its bytes are no text."""
    rows = (b"\0" + color * width) * height

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    with make_session_host("plain", image=deployed_image) as host:
        yield host


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("facility")
    (folder / "logo.svg").write_text(LOGO.format(color="#1f6f8b"))
    (folder / "small.png").write_bytes(png(60, 23, b"\x80\xff\x00"))
    (folder / "welcome.html").write_text(LOGIN)
    (folder / "templates/webclient/deeper").mkdir(parents=True)
    (folder / "templates/webclient/deeper/note.html").write_text("a note without a line's end")
    return folder


def settings(files: Path, **branding: Any) -> dict[str, Any]:
    return {
        "web_config": {"omero.web.prefix": PREFIX},
        "web_branding": {
            "login_logo": str(files / "logo.svg"),
            "top_logo": str(files / "small.png"),
            "index_template": str(files / "welcome.html"),
            "template_dirs": [str(files / "templates")],
            **branding,
        },
    }


def logo(host: Host) -> str:
    """The URL of the login page's logo, as a visitor gets it."""
    found = IMAGE.search(host.http(f"{PREFIX}/webclient/login/").text)
    assert found
    return found[1]


def wait_for_logo(host: Host, color: str) -> None:
    """After a reload a worker of before may answer a last time."""
    host.wait_until(lambda: color in host.http(logo(host)).text, 60, f"the logo in {color}")


def folders(host: Host) -> list[str]:
    done = host.run(f"ls {BASE}/branding {BASE}/venv3/static/branding 2>&1", check=False)
    return sorted(set(re.findall(r"^[0-9a-f]{12}$", done.stdout, re.M)))


def test_logos_and_templates_are_deployed_and_served(
    host: Host, files: Path, browser: Browser, screenshots: Path
) -> None:
    run = deploy(docker_inventory(host, **settings(files)))
    assert "omero.web.login_logo: (not set) →" in run.output
    assert_serves(host, PREFIX)
    assert logo(host).startswith(f"{PREFIX}/static/")
    answer = host.http(logo(host))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert answer.content == (files / "logo.svg").read_bytes()

    (digest,) = folders(host)
    top = host.run("omero config get omero.web.top_logo").stdout.strip()
    picture = host.http(top)
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.content == (files / "small.png").read_bytes()
    welcome = host.http(f"{PREFIX}/index/")
    assert "Welcome to the facility" in welcome.text
    note = f"{BASE}/branding/{digest}/templates/webclient/deeper/note.html"
    assert host.read(note) == "a note without a line's end"
    owned = host.run(f"find {BASE}/branding ! -user root -o -perm /022").stdout
    assert owned == ""

    page = browser.new_page(viewport={"width": 1000, "height": 700})
    page.goto(f"http://{host.ip}{PREFIX}/webclient/login/")
    wide = page.eval_on_selector(".custom_logo img", "image => image.naturalWidth")
    assert wide == 300
    page.screenshot(path=str(screenshots / "login-with-logo.png"))
    page.close()
    assert deploy(docker_inventory(host, **settings(files))).changed_operations == ()


def test_another_logo_is_another_url(host: Host, files: Path) -> None:
    """A browser that keeps the old one for a year shows the new one at once."""
    before, (old,) = logo(host), folders(host)
    (files / "logo.svg").write_text(LOGO.format(color="#8b1f3f"))
    run = deploy(docker_inventory(host, **settings(files)))
    assert "OMERO.web | Collect static files" in run.changed_operations
    wait_for_logo(host, "#8b1f3f")
    assert logo(host) != before
    assert old in folders(host)  # `config rollback` may want it
    host.run("omeroweb-ops config rollback && omero web restart")
    assert logo(host) == before
    assert "#1f6f8b" in host.http(before).text
    host.run("omeroweb-ops config rollback && omero web restart")  # forward again
    wait_for_logo(host, "#8b1f3f")
    (files / "logo.svg").write_text(LOGO.format(color="#111111"))
    deploy(docker_inventory(host, **settings(files)))
    wait_for_logo(host, "#111111")
    assert old not in folders(host)
    assert deploy(docker_inventory(host, **settings(files))).changed_operations == ()


def test_a_template_that_is_broken_is_taken_back(host: Host, files: Path) -> None:
    before = logo(host)
    broken = files / "templates/webclient/deeper/broken.html"
    broken.write_text("{% no such tag %}")
    run = deploy(docker_inventory(host, **settings(files)), expect=1)
    broken.unlink()
    assert "template webclient/deeper/broken.html: " in run.output
    assert logo(host) == before
    assert host.http(before).status_code == 200
    deploy(docker_inventory(host, **settings(files)))
    assert logo(host) == before


def test_without_it_everything_of_it_goes(host: Host) -> None:
    deploy(docker_inventory(host, web_config={"omero.web.prefix": PREFIX}))
    assert_serves(host, PREFIX)
    assert "branding" not in host.http(f"{PREFIX}/webclient/login/").text
    assert folders(host) == []
    assert not host.exists(f"{BASE}/branding")
    assert not host.exists(f"{BASE}/venv3/static/branding")
    assert "branding" not in host.run("omero config get").stdout
    again = deploy(docker_inventory(host, web_config={"omero.web.prefix": PREFIX}))
    assert again.changed_operations == ()


def test_missing_files_are_named_before_anything_is_touched(host: Host, tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_text("no picture")
    before = host.snapshot().digest
    wrong = {
        "login_logo": str(tmp_path / "logo.png"),
        "top_logo": str(tmp_path / "gone.png"),
        "template_dirs": [str(tmp_path / "gone")],
    }
    run = deploy(docker_inventory(host, web_branding=wrong), expect=1)
    assert "nothing has been changed" in run.output
    assert "logo.png is not a picture (PNG, JPEG, GIF, WebP or SVG)" in run.output
    assert f"top_logo: there is no file {tmp_path}/gone.png" in run.output
    assert f"template_dirs: there is no directory {tmp_path}/gone" in run.output
    assert host.snapshot().digest == before
