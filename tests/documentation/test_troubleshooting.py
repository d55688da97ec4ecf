"""A message in a heading of docs/troubleshooting.md is one that the code prints."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.documentation.blocks import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
# Code spans are the bundle's messages. Texts in quotes may be a browser's or upstream's.
MESSAGES = [
    part.strip(" …")
    for heading in re.findall(r"^### (.*)$", PAGE, re.M)
    for span in re.findall(r"`([^`]+)`", heading)
    for part in span.split("…")
    if len(part.strip(" …:")) > 3
]
PAGES_OF_NGINX = re.findall(r'^### "(Too [^"]+|This is [^"]+)"', PAGE, re.M)


@cache
def sources() -> str:
    """All code, with each literal of several lines in one line."""
    files = [*ROOT.glob("roles/**/*"), *ROOT.glob("app/omeroweb_ops/**/*"), ROOT / "run"]
    texts = [
        path.read_text("utf-8")
        for path in files
        if path.suffix in (".py", ".sh", ".j2", "") and path.is_file()
    ]
    text = re.sub(r"\{user\}|\{\{ user \}\}", "omero-web", "\n".join(texts))
    return re.sub(r'"\s*\n\s*f?"', "", text)


@pytest.mark.parametrize("message", [*MESSAGES, *PAGES_OF_NGINX])
def test_the_code_prints_the_message(message: str) -> None:
    words = message.replace("3.11", "").replace("requirements.txt", "")
    assert words.strip() in sources()


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 20 and len(PAGES_OF_NGINX) == 3
