"""Find the values that the apps' own functions refuse, because the bundle cannot know them.

An app reads each of its properties with a function of its own (see `state.settings_modules`). The
functions run in a separate process, with a copy of the configuration, as the service's user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..property_names import APPS
from ..shared.finding import Finding
from ..state import plugin_catalogue, schema_cache
from ..state.engine import Engine
from ..state.plan import mask
from ..state.settings_modules import Refusal
from .staging import staged


@dataclass(frozen=True)
class RefusedValues:
    """Errors about values that are set, and about properties that must be set.

    An app may read its properties on a page of its own only. So a missing property is an error only
    if OMERO.web does not start without it.
    """

    is_set: Sequence[Finding] = ()
    required: Sequence[Finding] = ()


def find(engine: Engine, properties: Mapping[str, str]) -> RefusedValues:
    """Return the errors about these properties. The engine has learnt the apps' properties."""
    apps = _apps(engine, properties)
    if not _is_needed(engine, properties, apps):
        return RefusedValues()
    with staged({**properties, APPS: "[]"}, engine.locations) as environment:
        refusals = schema_cache.refusals(apps, environment)
    found = {
        refusal: Finding(
            refusal.name, engine.redacted(_message(engine, properties, refusal), properties)
        )
        for refusal in refusals
    }
    return RefusedValues(
        [finding for refusal, finding in found.items() if refusal.is_set],
        [finding for refusal, finding in found.items() if not refusal.is_set],
    )


def _apps(engine: Engine, properties: Mapping[str, str]) -> list[str]:
    value = engine.value(APPS, properties)
    return [app for app in value if isinstance(app, str)] if isinstance(value, list) else []


def _is_needed(engine: Engine, properties: Mapping[str, str], apps: Sequence[str]) -> bool:
    """Return whether a function must be asked: a process costs a second."""
    catalogue = {plugin.app for plugin in plugin_catalogue.catalogue().values()}
    if {*apps} - catalogue - {*schema_cache.LOCKED_APPS}:
        return True
    known = [engine.schema[name] for name in properties if name in engine.schema]
    return bool(apps) and any(prop.kind == "custom" for prop in known)


def _message(engine: Engine, properties: Mapping[str, str], refusal: Refusal) -> str:
    prop = engine.schema.get(refusal.name)
    about = f" ({prop.description})" if prop and prop.description else ""
    reader = refusal.reader.removeprefix("builtins.")
    reason = refusal.reason.rstrip(".")
    if not refusal.is_set:
        return f"must be set{about}: {reader} refuses the default: {reason}"
    value = mask(refusal.name, properties.get(refusal.name), engine.shown)
    default = engine.default(refusal.name)
    example = f", for example the default {default!r}" if default else ""
    return f"{reader} refuses {value!r}: {reason}; set a value that it accepts{example}{about}"
