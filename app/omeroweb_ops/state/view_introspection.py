"""Read OMERO.web's views from what is installed: `python -m omeroweb_ops.state.view_introspection`.

It prints each view's name and a path for each form of the URL, as JSON, in the environment of a
release (OMERODIR). Arguments are apps of plugins beside those of the configuration.
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
ARGUMENTS = ("1", "a", "z", "0", "2020", "01", "0.4")
_MOST_TRIALS = 30_000  # paths of one view


def read(apps: list[str]) -> list[list[str]]:
    """Return [name, path, …] of each view, without a prefix and in the order of the URLs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omeroweb.settings")
    import django
    from django.apps import AppConfig
    from django.urls import get_resolver

    django.setup()
    found = [*_views(get_resolver().url_patterns, "")]
    for app in apps:
        label = AppConfig.create(app).label
        found += _views(importlib.import_module(f"{app}.urls").urlpatterns, f"{label}/")
    return [[name, *_examples(regex)] for name, regex in found]


def _views(patterns: Any, before: str) -> Iterator[tuple[str, str]]:
    """Name and regular expression of each view below some patterns."""
    for each in patterns:
        regex = before + each.pattern.regex.pattern.removeprefix("^").replace(r"\Z", "$")
        if hasattr(each, "url_patterns"):
            yield from _views(each.url_patterns, regex.removesuffix("$"))
        else:
            yield each.name or each.callback.__name__, regex


def _examples(regex: str) -> list[str]:
    """Return a path for each form of the expression, that with the fewest parts first.

    Raises ValueError if no path matches.
    """
    from django.utils.regex_helper import normalize

    paths = [_path(regex, *form) for form in normalize(regex)]
    found = list(dict.fromkeys(path for path in paths if path))
    if not found:
        raise ValueError(f"no path matches {regex}")
    return found


def _path(regex: str, text: str, names: list[str]) -> str | None:
    words = [word for word in re.findall(r"[A-Za-z_]+", regex) if len(word) > 2]
    trials = itertools.product((*ARGUMENTS, *dict.fromkeys(words)), repeat=len(names))
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
