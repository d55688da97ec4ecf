"""Export an existing configuration in the form of an inventory. Pure: no I/O."""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .desired import identity, own_items
from .redaction import as_data, secret_texts
from .schema import Property, Schema


def snippet(
    current: Mapping[str, str], schema: Schema, omerodir: Path
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return settings ({web_config: …, web_config_append: …}), and secrets separately.

    A default list with added items becomes web_config_append, so that an upgrade's new default
    items will appear. Properties that equal their default are omitted.
    """
    config: dict[str, Any] = {}
    append: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for name, text in sorted(current.items()):
        prop = schema.get(name) or Property(name, "string", None, "")
        default = schema.default(name, omerodir) if name in schema else None
        if prop.same(text, default):
            continue
        if prop.is_secret or any(secret_texts(as_data(text))):
            secrets[name] = text
        elif (added := _added(text, default, prop)) is not None:
            append[name] = added
        else:
            config[name] = value(prop, text)
    settings = {"web_config": config, "web_config_append": append}
    return {name: content for name, content in settings.items() if content}, secrets


def value(prop: Property, text: str) -> Any:
    """Return a stored text as Python data, or unchanged if no data have the same meaning."""
    if prop.kind == "boolean":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    return prop.value(text)


def _added(text: str, default: str | None, prop: Property) -> list[Any] | None:
    """Return the items after the default's, if nothing else differs; else None."""
    items, defaults = value(prop, text), value(prop, default or "[]")
    if prop.kind != "list" or not isinstance(items, list) or not defaults:
        return None
    count = len(defaults)
    same = [identity(item) for item in items[:count]] == [identity(item) for item in defaults]
    if not same or items[:count] != defaults or own_items(text, defaults) != items[count:]:
        return None
    return items[count:]


def written(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the settings as lines of an inventory."""
    return "".join(
        f'"{name}": {pprint.pformat(dict(content), width=96, sort_dicts=False)},\n'
        for name, content in settings.items()
    )
