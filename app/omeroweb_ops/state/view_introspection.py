"""Read OMERO.web's views from what is installed: `python -m omeroweb_ops.state.view_introspection`.

It prints the name of each view and a path of it, as JSON, in the environment of a release with its
configuration (OMERODIR). APP … are apps of plugins that are not in the configuration.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

# Tried for each part of a path that a view takes as an argument, behind the words of its pattern.
_ARGUMENTS = ("1", "a", "0", "image", "2020", "01")
_MOST_TRIALS = 3000  # paths of one view


def read(apps: list[str]) -> list[list[str]]:
    """Return [name, path] of each view, without a prefix and in the order of the URLs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omeroweb.settings")
    import django
    from django.urls import get_resolver

    django.setup()
    found = [*_views(get_resolver().url_patterns, "")]
    for app in apps:
        found += _views(importlib.import_module(f"{app}.urls").urlpatterns, f"{app}/")
    paths: dict[tuple[str, str], None] = {}
    for name, regex in found:
        path = _example(regex)
        if path is None:
            print(f"no path matches {regex}", file=sys.stderr)
        else:
            paths[name, path] = None
    return [list(each) for each in paths]


def _views(patterns: Any, before: str) -> Iterator[tuple[str, str]]:
    """Name and regular expression of each view below some patterns."""
    for each in patterns:
        regex = before + each.pattern.regex.pattern.removeprefix("^").replace(r"\Z", "$")
        if hasattr(each, "url_patterns"):
            yield from _views(each.url_patterns, regex.removesuffix("$"))
        else:
            yield each.name or each.callback.__name__, regex


def _example(regex: str) -> str | None:
    """Return a path that the expression matches; the one with the fewest optional parts."""
    from django.utils.regex_helper import normalize

    known = [word for word in re.findall(r"[A-Za-z_]+", regex) if len(word) > 2]
    for text, names in normalize(regex):
        if not names:
            return f"/{text}"
        trials = itertools.product((*_ARGUMENTS, *dict.fromkeys(known)), repeat=len(names))
        for values in itertools.islice(trials, _MOST_TRIALS):
            path = text % dict(zip(names, values, strict=True))
            if re.search(f"^{regex}", path):
                return f"/{path}"
    return None


def main() -> None:
    """Print one view a line."""
    lines = ",\n".join(json.dumps(each) for each in read(sys.argv[1:]))
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
