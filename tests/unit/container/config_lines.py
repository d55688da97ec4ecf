"""Sequences of `omero config` lines, and lists to compare what follows from them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omeroweb_ops.container.omero_files import Commands
from omeroweb_ops.state.list_merge import identity

from tests.unit.helpers import SCHEMA

APPS, LINKS = "omero.web.apps", "omero.web.ui.top_links"
_HISTORY = ["History", "history", {"title": "History"}]  # in the default
_LINES = {
    APPS: [
        """config set NAME '["a", "b"]'""",
        "config set -- NAME",
        """config append -- NAME '"a"'""",
        """config append NAME '"c"'""",
        """config append --set -- NAME '"a"'""",
        """config remove NAME '"a"'""",
        """config remove -- NAME '"c"'""",
    ],
    LINKS: [
        f"config append NAME '{json.dumps(_HISTORY)}'",
        f"config remove NAME '{json.dumps(_HISTORY)}'",
        """config append -- NAME '["Facility", "https://f.example.org"]'""",
        """config remove -- NAME '["Facility", "https://f.example.org"]'""",
        """config set -- NAME '[["Data", "webindex"], ["Help", "help"]]'""",
    ],
}
ALPHABET = [line.replace("NAME", name) for name, lines in _LINES.items() for line in lines]


def sequences(longest: int) -> Iterator[tuple[str, ...]]:
    """Every sequence of up to so many lines for one of the properties."""
    for name in _LINES:
        lines = [each for each in ALPHABET if name in each]
        for length in range(1, longest + 1):
            yield from itertools.product(lines, repeat=length)


def ours(lines: tuple[str, ...], name: str) -> list[Any]:
    """The list that the container has after these lines."""
    commands = Commands(SCHEMA)
    commands.load({"a.omero": "\n".join(lines)})
    assert commands.findings == []
    texts, findings = commands.desired().resolve(SCHEMA, Path("/omero"), strict=False)
    assert findings == []
    text = texts.get(name, SCHEMA[name].default if name in SCHEMA else None)
    return list(json.loads(text or "[]"))


def without_duplicates(items: list[Any]) -> list[Any]:
    """The last of those that are the same to OMERO.web's users."""
    return list({identity(item): item for item in reversed(items)}.values())[::-1]
