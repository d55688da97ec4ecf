"""Debian's Chromium: Playwright's own browsers need a download that closed networks lack."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

from tests.integration.engine import apt_install

_OPTIONS = [
    "--no-sandbox",  # as root in a virtual machine there is none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch(playwright: Playwright) -> Browser:
    """Start it, installing it where it is missing. Raises EngineUnavailable where that fails."""
    if shutil.which("chromium") is None:
        apt_install("chromium")
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_OPTIONS)
