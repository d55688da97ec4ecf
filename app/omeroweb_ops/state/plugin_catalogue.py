"""The catalogue of plugins, and what each adds to OMERO.web's configuration. Pure data.

The catalogue's properties are those that each plugin's own documentation asks for (its README in
the package index); `properties` is what `omeroweb_ops.state.schema_introspection` reads of it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..property_names import APPS
from ..shared.finding import Finding
from .desired import Desired
from .list_merge import identity, is_named
from .schema import Schema, from_data

DATA = Path(__file__).parent.parent / "data" / "plugin_catalogue.json"


@dataclass(frozen=True)
class Plugin:
    """A package, and the configuration that activates it in OMERO.web.

    app: its Django app. former_apps: names that the app had in earlier versions. omero_web: the
    versions of OMERO.web that its package requires, like ">=5.33.0"; "" for all. set, append,
    remove: changes of OMERO.web's properties. needs: properties that it needs and that only the
    site knows, each with an example. properties: its own properties, as data for `schema`; None if
    only the host knows them.
    """

    package: str
    app: str
    set: Mapping[str, Any] = field(default_factory=dict)
    append: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    remove: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)
    properties: Sequence[Mapping[str, Any]] | None = None
    former_apps: Sequence[str] = ()
    omero_web: str = ""


@cache
def catalogue() -> Mapping[str, Plugin]:
    """Return the plugins that the project locks, by package."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    return {name: Plugin(name, **entry) for name, entry in data.items()}


def lookup(name: str) -> Plugin:
    """Return the plugin of a package. Raises ValueError with the nearest name, or all names."""
    known = catalogue().get(name)
    if known is None:
        near = difflib.get_close_matches(name, catalogue(), n=1, cutoff=0.8)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(catalogue())}"
        raise ValueError(f"there is no {name} in the catalogue; {hint}")
    return known


def settings(plugins: Iterable[Plugin]) -> dict[str, Any]:
    """Return the properties that plugins set."""
    return {name: value for plugin in plugins for name, value in plugin.set.items()}


def added(plugins: Iterable[Plugin], explicit: Desired) -> dict[str, Sequence[Any]]:
    """Return all items to append, with the site's own at the end.

    Plugins append nothing to a list that the site sets, and no item that the site removes.
    """
    found: dict[str, Sequence[Any]] = {}
    for plugin in plugins:
        for name, items in plugin.append.items():
            gone = {identity(item) for item in explicit.remove.get(name, ())}
            kept = [item for item in items if not is_named(item, gone)]
            if kept and name not in explicit.set:
                found[name] = [*found.get(name, ()), *kept]
    return {name: [*items, *explicit.append.get(name, ())] for name, items in found.items()}


def removed(plugins: Iterable[Plugin], explicit: Desired) -> dict[str, Sequence[Any]]:
    """Return all items to remove from lists, including the site's own."""
    found: dict[str, Sequence[Any]] = dict(explicit.remove)
    for plugin in plugins:
        for name, items in plugin.remove.items():
            if name not in explicit.set:
                found[name] = [*found.get(name, ()), *items]
    return found


def with_properties(schema: Schema, plugins: Iterable[Plugin]) -> Schema:
    """Return the schema with the plugins' own properties that are known."""
    own = [entry for plugin in plugins for entry in plugin.properties or ()]
    return Schema([*schema.values(), *from_data({"properties": own}).values()])


def unmet(plugins: Iterable[Plugin], explicit: Desired) -> Iterator[Finding]:
    """Yield an error for each property that a plugin needs and that is missing or removed."""
    for plugin in plugins:
        for name, example in plugin.needs.items():
            if not (explicit.set.get(name) or explicit.append.get(name)):
                shown = json.dumps(example)
                yield Finding(name, f"must be set for {plugin.package}. Example: {shown}")
        if plugin.app in explicit.remove.get(APPS, ()):
            yield Finding(APPS, f"must not remove {plugin.app}, because {plugin.package} needs it")


def owner(name: str) -> str | None:
    """Return the package of the catalogue's plugin that has this property, or None."""
    for plugin in catalogue().values():
        if name in [entry["name"] for entry in plugin.properties or ()]:
            return plugin.package
    return None
