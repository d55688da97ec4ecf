"""Which views of OMERO.web a public user reaches by the URL filter. Pure: no I/O but its own data.

`data/views.json` has the views of the locked release and of the catalogue's plugins, each with a
path for each form of its URL (`view_introspection`). OMERO.web searches a request's path, with the
prefix, for the filter (is_valid_public_url in omeroweb/decorators.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .view_introspection import ARGUMENTS

DATA = Path(__file__).parents[1] / "data" / "views.json"
# Filters for a site without a prefix, by what they open; docs/public-site.md has them.
_IMAGES = (
    "webgateway/(render_(?!movie|ome_tiff)|get_thumbnail|imgData|wellData|plate|well|proj|dataset"
    "|get_rois_json|get_shape_json|histogram_json|luts|open_with|annotations)"
)
RECIPES = {
    "webgateway": f"^/{_IMAGES}",
    "iviewer": f"^/(iviewer/(?!persist_rois|save_projection)|{_IMAGES})",
    "webclient": "^/(webadmin/myphoto/|webclient/(?!action|annotat|batch_annotate|marshal_tagging"
    "|chgrp|chown|edit_channel|saveImgRDef|copyImgRDef|script|list_scripts|figure_script|ome_tiff"
    f"|download|get_original_file)|{_IMAGES})",
    "API": "^/api/v[0-9]+/m/(?!save)",
}
_ADMIN = re.compile("/webadmin/(?!(login|logout|forgottenpassword|myphoto)/)")
# A script runs with its own defaults, and a projection becomes an image, by GET.
_CHANGES_BY_GET = re.compile(
    "/webclient/script_run/|/iviewer/save_projection|/omero_forms/save_form_data/"
)
# By POST, PUT or DELETE.
_CHANGES = re.compile(
    "/(webgateway|webclient)/(saveImgRDef|copyImgRDef|resetRDef|applyOwnersRDef)/"
    "|/webgateway/su/|/webclient/(action|annotate_[a-z]+|chgrp|chown|edit_channel_names|ome_tiff_script"
    "|script_upload|script_run|api/links|api/tags)/"
    "|/api/v[0-9]+/m/(save/|[a-z]+/[0-9]+/$)"
    "|/iviewer/(persist_rois|save_projection)"
    "|/figure/(save_web_figure|make_web_figure|delete_web_figure|upload_omero_script|chgrp)/"
    "|/omero_autotag/(auto_tag/processUpdate|create_tag)/|/biofilefinder/upload_omero_script"
    "|/omero_forms/save_|/omero_vitessce/generate_config"
)


@dataclass(frozen=True)
class View:
    """A view by its name in OMERO.web's URLs. paths: one for each form, without the prefix."""

    name: str
    paths: tuple[str, ...]

    @property
    def app(self) -> str:
        """Return the first part of the path, as in webclient."""
        return self.paths[0].split("/")[1]

    def __str__(self) -> str:
        return f"{self.name} ({self.paths[0]})"


@cache
def known() -> tuple[View, ...]:
    """Return every view of the locked release and of the catalogue's plugins."""
    listed = json.loads(DATA.read_text(encoding="utf-8"))
    return tuple(View(name, tuple(paths)) for name, *paths in listed)


@dataclass(frozen=True)
class PublicViews:
    """What a filter opens. admin: administration. changing: what changes data."""

    opened: tuple[View, ...]
    admin: tuple[View, ...]
    changing: tuple[View, ...]


def opened_by(url_filter: re.Pattern[str], prefix: str, *, get_only: bool) -> PublicViews:
    """Return the views that a filter opens.

    prefix: '' or like '/omero'. get_only: visitors use no other method than GET.
    """
    changes = _CHANGES_BY_GET if get_only else _CHANGES

    def some(pattern: re.Pattern[str] | None) -> Iterator[View]:
        for view in known():
            paths = [path for path in view.paths if url_filter.search(prefix + path)]
            if paths and (pattern is None or any(map(pattern.match, paths))):
                yield view

    return PublicViews(tuple(some(None)), tuple(some(_ADMIN)), tuple(some(changes)))


def closed(url_filter: str, prefix: str, *, get_only: bool) -> tuple[str, tuple[View, ...]]:
    """Return a filter without administration and views that change data, and what it closes.

    The filter is as it was if it opens none of these, or if it is not a regular expression.
    """
    try:
        before = opened_by(re.compile(url_filter), prefix, get_only=get_only)
    except re.error:
        return url_filter, ()
    wrong = tuple(dict.fromkeys([*before.admin, *before.changing]))
    if not wrong:
        return url_filter, ()
    short = "|".join(re.escape(word) for word in dict.fromkeys(map(_without_arguments, wrong)))
    whole = f"{_ADMIN.pattern}|{(_CHANGES_BY_GET if get_only else _CHANGES).pattern}"
    for barred in (f"^(?!{re.escape(prefix)}({each}))" for each in (short, whole)):
        anchored = barred + url_filter.removeprefix("^")
        for candidate in (anchored, f"{barred}(?=.*({url_filter}))"):
            after = opened_by(re.compile(candidate), prefix, get_only=get_only)
            is_closed = not after.admin and not after.changing
            if is_closed and {*before.opened} - {*after.opened} <= {*wrong}:
                return candidate, wrong
    return url_filter, ()


def _without_arguments(view: View) -> str:
    parts = view.paths[0].strip("/").split("/")
    while len(parts) > 1 and parts[-1] in ARGUMENTS:
        parts.pop()
    return "/" + "/".join(parts)
