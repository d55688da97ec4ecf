"""Plugins of OMERO.web: what each adds to the configuration, beside its package. Pure data.

The catalogue's properties are those that each plugin's own documentation asks for (its README in
the package index); `properties` is what `omeroweb_ops.state.schema_introspection` reads of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..property_names import APPS
from ..shared.finding import Finding
from .desired import Desired, identity, is_named
from .schema import Schema, from_data

DATA = Path(__file__).parent.parent / "data" / "plugin_catalogue.json"


@dataclass(frozen=True)
class Plugin:
    """A package, and what makes OMERO.web use it.

    app: its Django app. set, append, remove: of OMERO.web's properties. needs: properties without
    which it does not work and that only the site knows, each with an example. properties: its own,
    as data for `schema`; None where only the host knows them.
    """

    package: str
    app: str
    set: Mapping[str, Any] = field(default_factory=dict)
    append: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    remove: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)
    properties: Sequence[Mapping[str, Any]] | None = None


@cache
def catalogue() -> Mapping[str, Plugin]:
    """The plugins that the project knows and locks, by package."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    return {name: Plugin(name, **entry) for name, entry in data.items()}


def settings(plugins: Iterable[Plugin]) -> dict[str, Any]:
    """The properties that plugins set."""
    return {name: value for plugin in plugins for name, value in plugin.set.items()}


def added(plugins: Iterable[Plugin], explicit: Desired) -> dict[str, Sequence[Any]]:
    """All items to append, the site's own at the end. A list that the site sets is the site's, and
    what it takes out of a list is not put in."""
    found: dict[str, Sequence[Any]] = {}
    for plugin in plugins:
        for name, items in plugin.append.items():
            gone = {identity(item) for item in explicit.remove.get(name, ())}
            kept = [item for item in items if not is_named(item, gone)]
            if kept and name not in explicit.set:
                found[name] = [*found.get(name, ()), *kept]
    return {name: [*items, *explicit.append.get(name, ())] for name, items in found.items()}


def removed(plugins: Iterable[Plugin], explicit: Desired) -> dict[str, Sequence[Any]]:
    """All items to take out of lists, the site's own among them."""
    found: dict[str, Sequence[Any]] = dict(explicit.remove)
    for plugin in plugins:
        for name, items in plugin.remove.items():
            if name not in explicit.set:
                found[name] = [*found.get(name, ()), *items]
    return found


def with_properties(schema: Schema, plugins: Iterable[Plugin]) -> Schema:
    """The schema with what is known of plugins' own properties."""
    own = [entry for plugin in plugins for entry in plugin.properties or ()]
    return Schema([*schema.values(), *from_data({"properties": own}).values()])


def unmet(plugins: Iterable[Plugin], explicit: Desired) -> Iterator[Finding]:
    """What plugins need and nobody has written, or someone takes out."""
    for plugin in plugins:
        for name, example in plugin.needs.items():
            if not (explicit.set.get(name) or explicit.append.get(name)):
                shown = json.dumps(example)
                yield Finding(name, f"{plugin.package} needs it; write for example {shown}")
        if plugin.app in explicit.remove.get(APPS, ()):
            yield Finding(APPS, f"{plugin.app} is taken out of it, and {plugin.package} is wanted")


def owner(name: str) -> str | None:
    """The plugin of the catalogue whose own a property is."""
    for plugin in catalogue().values():
        if name in [entry["name"] for entry in plugin.properties or ()]:
            return plugin.package
    return None
