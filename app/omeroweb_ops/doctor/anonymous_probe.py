"""What a visitor without a login gets of a public site: three requests, each without a cookie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..property_names import PUBLIC_ENABLED, PUBLIC_GET_ONLY, PUBLIC_URL_FILTER
from ..shared.expectations import Expectations
from ..state.public_views import PublicViews, View, opened_by
from .http import Answer, Client

# Views that need no number of an image, the first that is open is asked for; else any.
_PREFERRED = (
    "webindex",
    "webgateway_listProjects_json",
    "api_projects",
    "webgateway_listLuts_json",
)


@dataclass(frozen=True)
class AnonymousVisit:
    """views: what the URL filter opens. page: the answer for one of them, None if none is open.
    admin: the answer for the list of OMERO's users. robots: /robots.txt."""

    views: PublicViews
    page: Answer | None
    admin: Answer
    robots: Answer


def visit(
    expected: Expectations, properties: Mapping[str, Any], connect: str | None
) -> AnonymousVisit | None:
    """Ask as a visitor does; None if the site is not public or its filter cannot be read."""
    if not properties.get(PUBLIC_ENABLED):
        return None
    try:
        pattern = re.compile(str(properties.get(PUBLIC_URL_FILTER)))
    except re.error:
        return None
    get_only = bool(properties.get(PUBLIC_GET_ONLY))
    views = opened_by(pattern, expected.prefix, get_only=get_only)

    def ask(url: str) -> Answer:
        return Client(expected.host, connect).ask("GET", url)

    base = f"{expected.origin}{expected.prefix}"
    view = _chosen(views)
    paths = [path for path in view.paths if pattern.search(expected.prefix + path)] if view else []
    return AnonymousVisit(
        views,
        ask(f"{base}{paths[0]}") if paths else None,
        ask(f"{base}/webadmin/experimenters/"),
        ask(f"{expected.origin}/robots.txt"),
    )


def _chosen(views: PublicViews) -> View | None:
    """Return a view to ask for, of those that send a visitor whom nobody knows to the login."""
    needing = [each for each in views.opened if "login" not in each.name]
    by_name = {each.name: each for each in needing}
    preferred = [by_name[name] for name in _PREFERRED if name in by_name]
    return next(iter([*preferred, *needing]), None)
