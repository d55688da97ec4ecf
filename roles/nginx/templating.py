"""How NGINX's templates are rendered."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from ..operations.templates import environment


def directives(lines: Iterable[str]) -> set[str]:
    """The names of the directives in NGINX lines, without those inside their blocks."""
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
    """A template's lines without the directives that the site gives itself: NGINX takes one."""
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not line.strip() or line.split()[0] not in given
    )


TEMPLATES = environment(__file__)
TEMPLATES.filters["without"] = without
