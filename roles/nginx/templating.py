"""Render NGINX's templates."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from ..operations.templates import environment


def directives(lines: Iterable[str]) -> set[str]:
    """Return the names of the directives in NGINX lines, without those inside blocks."""
    found: set[str] = set()
    depth, begins = 0, True
    for token in re.findall(r"[{};]|[^\s{};]+", re.sub(r"(?m)^\s*#.*", "", "\n".join(lines))):
        if token in ("{", "}", ";"):
            depth += {"{": 1, "}": -1, ";": 0}[token]
            begins = True
        elif begins:
            begins = False
            if depth == 0:
                found.add(token)
    return found


def without(text: str, given: Collection[str]) -> str:
    """Return a template's lines without the directives that the site sets itself."""
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not line.strip() or line.split()[0] not in given
    )


TEMPLATES = environment(__file__)
TEMPLATES.filters["without"] = without
