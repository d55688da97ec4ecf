"""Compute the difference between the desired state and config.xml. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .redaction import MASK, as_data, conceal_text, secret_texts, texts
from .schema import Property, Schema


@dataclass(frozen=True)
class Change:
    """The change of one property. old, new: None if the property is not set."""

    name: str
    old: str | None
    new: str | None

    @property
    def action(self) -> str:
        if self.old is None:
            return "add"
        return "remove" if self.new is None else "change"


@dataclass(frozen=True)
class Plan:
    """The changes that `Engine.apply` makes.

    drift: properties that are set manually and stay. record: the properties that the bundle owns
    afterwards, with their texts before the bundle's (None: unset). kept: the manually added items
    of lists, which stay.
    """

    changes: tuple[Change, ...]
    drift: tuple[str, ...]
    record: Mapping[str, str | None]
    kept: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def result(self, current: Mapping[str, str]) -> dict[str, str]:
        """Return the properties after the changes."""
        after = dict(current)
        for change in self.changes:
            if change.new is None:
                after.pop(change.name, None)
            else:
                after[change.name] = change.new
        return after


def make(
    desired: Mapping[str, str],
    current: Mapping[str, str],
    record: Mapping[str, str | None],
    schema: Schema,
    *,
    exclusive: bool = False,
) -> Plan:
    """Return the plan from the desired to the present properties, by meaning and not by text.

    `True` and `true` of a boolean are the same. A property that leaves the desired state gets back
    the value that it had before the bundle first set it. exclusive: manually set properties are
    removed instead of kept.
    """
    changes = []
    owned: dict[str, str | None] = {}
    for name, new in desired.items():
        owned[name] = record[name] if name in record else current.get(name)
        changes.append(Change(name, current.get(name), new))
    for name in record.keys() - desired.keys():
        changes.append(Change(name, current.get(name), record[name]))
    drift = tuple(sorted(current.keys() - desired.keys() - record.keys()))
    if exclusive:
        changes += [Change(name, current[name], None) for name in drift]
        drift = ()
    needed = tuple(
        change
        for change in sorted(changes, key=lambda change: change.name)
        if not _property(schema, change.name).same(change.old, change.new)
    )
    return Plan(needed, drift, owned)


def mask(name: str, text: str | None, schema: Schema) -> str | None:
    """Return a property's text without secrets."""
    if text is None:
        return None
    return MASK if _property(schema, name).is_secret else conceal_text(text)


def secrets_of(properties: Mapping[str, str], schema: Schema) -> Iterator[str]:
    """Yield every text of these properties that is secret."""
    for name, text in properties.items():
        prop = _property(schema, name)
        if prop.secret or (prop.is_secret and not prop.is_cache):
            yield from texts(text)
        else:  # other parts of the caches than passwords occur in ordinary messages
            yield from [text] if prop.is_secret else []
            yield from secret_texts(as_data(text))


def _property(schema: Schema, name: str) -> Property:
    return schema[name] if name in schema else Property(name, "string", None, "")
