"""Check the form of a list property's items. Pure: no I/O.

`json.loads`, upstream's mapping, accepts any list; OMERO.web then fails when it uses an item.
Sources: the properties' own descriptions and defaults, and `omeroweb.settings`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..property_names import (
    ADDITIONAL_SETTINGS,
    ADMINS,
    ALLOWED_HOSTS,
    APPS,
    CORS_ORIGIN_WHITELIST,
    CSRF_TRUSTED_ORIGINS,
    MIDDLEWARE,
    NGINX_SERVER_EXTRA_CONFIG,
    OPEN_WITH,
    REDIRECT_ALLOWED_HOSTS,
    SECURE_PROXY_SSL_HEADER,
    SERVER_LIST,
    STATICFILE_DIRS,
    SYSTEM_CHECKS,
    TEMPLATE_DIRS,
    UI_CENTER_PLUGINS,
    UI_METADATA_PANES,
    UI_RIGHT_PLUGINS,
    UI_TOP_LINKS,
)

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Shape:
    """The form of a list's items. example: a valid item. fits: returns whether an item has it."""

    example: Any
    fits: Callable[[Any], bool]


def _text(item: Any) -> bool:
    return isinstance(item, str)


def _name(item: Any) -> bool:
    return isinstance(item, str) and bool(_NAME.fullmatch(item))


def _row(*types: type | tuple[type, ...]) -> Callable[[Any], bool]:
    """Return a check for a list whose first items have these types; more items may follow."""

    def fits(item: Any) -> bool:
        return (
            isinstance(item, list)
            and len(item) >= len(types)
            and all(
                isinstance(part, kind) and not isinstance(part, bool)
                for part, kind in zip(item, types, strict=False)
            )
        )

    return fits


def _keys(**types: type | tuple[type, ...]) -> Callable[[Any], bool]:
    def fits(item: Any) -> bool:
        return isinstance(item, Mapping) and all(
            isinstance(item.get(key), kind) for key, kind in types.items()
        )

    return fits


def _is_server(item: Any) -> bool:
    """Return whether omeroweb.settings.load_server_list reads an item; the name is optional."""
    if not _row(str, (int, str))(item) or len(item) > 3:
        return False
    port, *name = item[1:]
    return bool(re.fullmatch(r"\d+", str(port))) and all(isinstance(each, str) for each in name)


_NUMBER = (int, float)
_LINK = _row(str, (str, dict))
_PLUGIN = _row(str, str, str)
SHAPES = {
    ADMINS: Shape(["Ada", "ada@example.org"], _row(str, str)),
    ALLOWED_HOSTS: Shape("omero.example.org", _text),
    APPS: Shape("omero_figure", _name),
    CORS_ORIGIN_WHITELIST: Shape("https://viewer.example.org", _text),
    CSRF_TRUSTED_ORIGINS: Shape("https://viewer.example.org", _text),
    ADDITIONAL_SETTINGS: Shape(["NAME", "value"], lambda item: _row(str)(item) and len(item) == 2),
    MIDDLEWARE: Shape(
        {"index": 7, "class": "package.middleware.Class"},
        lambda item: _keys(index=_NUMBER)(item) and _name(item.get("class")),
    ),
    NGINX_SERVER_EXTRA_CONFIG: Shape("client_max_body_size 1g;", _text),
    OPEN_WITH: Shape(["Viewer", "viewer_index", {}], _LINK),
    REDIRECT_ALLOWED_HOSTS: Shape("omero.example.org", _text),
    SECURE_PROXY_SSL_HEADER: Shape("HTTP_X_FORWARDED_PROTO", _text),
    SERVER_LIST: Shape(
        ["omero.example.org", 4064, "omero"],
        _is_server,
    ),
    STATICFILE_DIRS: Shape("/srv/static", lambda item: _text(item) or _row(str, str)(item)),
    SYSTEM_CHECKS: Shape("1_8.W001", _text),
    TEMPLATE_DIRS: Shape("/srv/templates", _text),
    UI_CENTER_PLUGINS: Shape(["Label", "app/include.html", "div_id"], _PLUGIN),
    UI_METADATA_PANES: Shape(
        {"name": "tag", "label": "Tags", "index": 1}, _keys(name=str, label=str)
    ),
    UI_RIGHT_PLUGINS: Shape(["Label", "app/include.html", "div_id"], _PLUGIN),
    UI_TOP_LINKS: Shape(["Label", "https://example.org", {}], _LINK),
}

_SEQUENCES = (NGINX_SERVER_EXTRA_CONFIG, SECURE_PROXY_SSL_HEADER)


def item_error(name: str, items: Sequence[Any]) -> str | None:
    """Return the error about the first item that has not the property's form, or None.

    The items of a plugin's list may have any form: the plugin's documentation may allow others than
    its default has (`omero.web.gallery.filter_keys`: names, and dictionaries).
    """
    shape = SHAPES.get(name)
    for item in items if shape else ():
        if shape and not shape.fits(item):
            meant = _meant(item, shape)
            return f"{item!r} is not a valid item. Example: {meant!r}"
    return None


def example(name: str) -> Any:
    """Return a valid item of a list property."""
    return SHAPES[name].example if name in SHAPES else "ITEM"


def is_sequence(name: str) -> bool:
    """Return whether a list's items have no identity: equal items count, and their order matters.

    Lines of NGINX's configuration are a sequence, and so is any list of a plugin, of which nothing
    is known.
    """
    return name not in SHAPES or name in _SEQUENCES


def _meant(item: Any, shape: Shape) -> Any:
    """Return the item that was meant: without a shell's quotes, or parsed from JSON."""
    if isinstance(item, str):
        try:
            meant = json.loads(item)
        except ValueError:
            meant = item.strip("'\" ")
        if shape.fits(meant):
            return meant
    return shape.example
