"""The picture of the README: the login page, the maintenance page and the status of a host."""

from __future__ import annotations

import base64
import html
import re
from typing import TYPE_CHECKING

from tests.integration.images import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

COMMITTED = ROOT / "docs/pictures/site.webp"
LARGEST = 200_000  # bytes
WIDTH, HEIGHT = 1280, 760
_PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>
body { margin: 0; width: %dpx; height: %dpx; background: #dfe6ea; font: 15px sans-serif;
       display: grid; grid: 1fr 1fr / 540px 1fr; gap: 16px; padding: 16px; box-sizing: border-box }
figure { margin: 0; display: flex; flex-direction: column; background: #fff; overflow: hidden;
         border: 1px solid #9fb0b9 }
figcaption { padding: 5px 10px; background: #22343d; color: #fff }
img { width: 100%%; display: block }
pre { margin: 0; padding: 12px; font: 13px/1.42 monospace; color: #14252e; flex: 1 }
.tall { grid-row: 1 / 3; grid-column: 2 }
</style>
<figure><figcaption>Login page</figcaption><img src="%s"></figure>
<figure class="tall"><figcaption>omeroweb-ops status</figcaption><pre>%s</pre></figure>
<figure><figcaption>Maintenance page</figcaption><img src="%s"></figure>
"""
# Chromium encodes WebP without loss if the quality is 1.
_ENCODE = """async source => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 1);
}"""


def screenshot(browser: Browser, url: str) -> bytes:
    """Return a PNG of a page."""
    page = browser.new_page(viewport={"width": 900, "height": 560}, color_scheme="light")
    page.goto(url)
    page.wait_for_load_state("load")
    taken = page.screenshot()
    page.close()
    return taken


def compose(browser: Browser, login: bytes, maintenance: bytes, status: str) -> bytes:
    """Return a WebP with the two pages and the text of the terminal."""
    parts = (_data(login), html.escape(_anonymous(status)), _data(maintenance))
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.set_content(_PAGE % (WIDTH, HEIGHT, *parts), wait_until="load")
    source = page.evaluate(_ENCODE, _data(page.screenshot()))
    page.close()
    return base64.b64decode(source.partition(",")[2])


def is_lossless_webp(content: bytes) -> bool:
    """https://developers.google.com/speed/webp/docs/riff_container: VP8L, also within VP8X."""
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP" and b"VP8L" in content[:1000]


def _anonymous(text: str) -> str:
    """The test host has an address instead of a name."""
    return re.sub(r"\b\d+\.\d+\.\d+\.\d+\b(?=[:/])", "images.example.org", text)


def _data(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()
