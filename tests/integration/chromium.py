"""Debian's Chromium: Playwright's own browsers need a download that closed networks lack."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

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


PROGRAM = Path(__file__).with_name("chromium_wrapper.py")


def launch(playwright: Playwright) -> Browser:
    """Start it, installing it where it is missing. Raises EngineUnavailable where that fails."""
    binding = "/usr/bin/python3 -c 'import seccomp'"
    if shutil.which("chromium") is None or subprocess.getstatusoutput(binding)[0]:
        apt_install("chromium", "python3-seccomp")
    return playwright.chromium.launch(executable_path=PROGRAM, args=_OPTIONS)
