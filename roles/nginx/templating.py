"""Render NGINX's templates."""

from __future__ import annotations

from collections.abc import Collection

from ..operations.templates import environment


def without_headers(text: str, given: Collection[str]) -> str:
    """Return a template's lines without the headers that the site sets itself."""
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not line.strip() or line.split()[1].lower() not in given
    )


def without(text: str, given: Collection[str]) -> str:
    """Return a template's lines without the directives that the site sets itself."""
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not line.strip() or line.split()[0] not in given
    )


TEMPLATES = environment(__file__)
TEMPLATES.filters["without"] = without
TEMPLATES.filters["without_headers"] = without_headers
