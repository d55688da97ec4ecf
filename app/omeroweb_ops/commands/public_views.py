"""`omeroweb-ops public-views`: what a URL filter opens to visitors, by the names of the views.

On a controller: `./run python -m omeroweb_ops.commands.public_views FILTER`.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..login_page import path_prefix
from ..property_names import PREFIX, PUBLIC_ENABLED, PUBLIC_GET_ONLY, PUBLIC_URL_FILTER
from ..state.engine import Engine
from ..state.public_views import PublicViews, opened_by


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "filter", nargs="?", help="a regular expression (default: the one of the configuration)"
    )


def run(engine: Engine, options: argparse.Namespace) -> int:
    """Print the views that the configuration opens; the exit status is 1 if some must not be."""
    if options.filter is None and not engine.value(PUBLIC_ENABLED):
        print(f"{PUBLIC_ENABLED} is off: visitors log in.")
        return 0
    return show(options.filter or str(engine.value(PUBLIC_URL_FILTER)), engine.value)


def show(text: str, value: Callable[[str], Any]) -> int:
    """Print what a filter opens.

    value: returns a property as Python data. Raises ValueError if the filter is none.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression ({error})") from None
    prefix = path_prefix(value(PREFIX))
    found = opened_by(pattern, prefix, get_only=bool(value(PUBLIC_GET_ONLY)))
    print("\n".join(_lines(found)))
    return 1 if found.admin or found.changing else 0


def _lines(found: PublicViews) -> Iterator[str]:
    refused = dict.fromkeys(found.admin, "ADMINISTRATION")
    refused |= dict.fromkeys(found.changing, "CHANGES DATA")
    for app, views in itertools.groupby(found.opened, lambda each: each.app):
        yield f"{app or 'OMERO.web'}:"
        for view in views:
            yield f"    {view.name:40} {view.paths[0]:45} {refused.get(view, '')}".rstrip()
    yield f"Open to visitors: {len(found.opened)}. Of these must not be open: {len(refused)}."


def main(arguments: Sequence[str]) -> int:
    """Show a filter without a configuration: no prefix, and GET alone."""
    defaults: dict[str, Any] = {PREFIX: "", PUBLIC_GET_ONLY: True}
    if len(arguments) != 1:
        print("usage: python -m omeroweb_ops.commands.public_views FILTER", file=sys.stderr)
        return 2
    try:
        return show(arguments[0], defaults.__getitem__)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
