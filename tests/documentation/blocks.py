"""Read the fenced blocks and the code spans of the pages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
NAMES = ("*.md", "docs/*.md")
HISTORY = "CHANGELOG.md"  # names what older versions had


@dataclass(frozen=True)
class Block:
    """A fenced block, or a code span of a line (`language` is "span"), with its place."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> dict[str, str]:
    """Return the text of each page by its name, with pages that git does not know yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *NAMES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split() or [
        str(path.relative_to(ROOT)) for pattern in NAMES for path in ROOT.glob(pattern)
    ]
    found = {name: ROOT / name for name in sorted(names) if (ROOT / name).exists()}
    return {name: path.read_text("utf-8") for name, path in found.items()}


def blocks(page: str, text: str) -> Iterator[Block]:
    """Yield the blocks and the spans of a page."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type in ("fence", "code_block"):
            language = token.info.split()[0] if token.info else ""
            yield Block(page, _line(token) + 1, language, token.content)
        for child in token.children or ():
            if child.type == "code_inline":
                yield Block(page, _line(token), "span", child.content)


def _line(token: Token) -> int:
    return (token.map or [0])[0] + 1
