"""Track the bundle's properties in config.xml, and detect manual changes. Pure: no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..shared.finding import Finding
from .derived import NGINX_DEPENDS_ON
from .list_merge import stored, without
from .plan import mask
from .schema import Schema


@dataclass(frozen=True)
class Record:
    """The properties that the bundle has set in config.xml.

    owned: the properties, each with its manually set text before the bundle's (None: unset).
    applied: the last written text of properties that NGINX depends on, and of lists with additions.
    """

    owned: Mapping[str, str | None] = field(default_factory=dict)
    applied: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Any) -> Record:
        """Read a record from JSON data. Raises KeyError, TypeError or ValueError for other data."""
        return cls(optional_texts(data["owned"]), texts(data.get("applied", {})))

    def data(self) -> dict[str, dict[str, str | None] | dict[str, str]]:
        """Return the record as JSON data, with `applied` only if it is not empty."""
        owned: dict[str, str | None] = dict(self.owned)
        return {"owned": owned, **({"applied": dict(self.applied)} if self.applied else {})}


def texts(data: Any) -> dict[str, str]:
    """Return JSON data as names with texts. Raises ValueError for other data."""
    found = optional_texts(data)
    if None in found.values():
        raise ValueError("a text is missing")
    return {name: text for name, text in found.items() if text is not None}


def optional_texts(data: Any) -> dict[str, str | None]:
    """Return JSON data as names with texts or null. Raises ValueError for other data."""
    if not isinstance(data, dict) or not all(
        isinstance(each, str | None) for each in data.values()
    ):
        raise ValueError("is not an object of texts")
    return dict(data)


def list_by_hand(record: Record, name: str, now: str | None, default: str | None) -> str | None:
    """Return a list without the bundle's items (a three-way merge); None: unset.

    That is the value before the bundle first appended to it, plus the items that were added
    manually since.
    """
    if name not in record.owned:
        return now
    before = record.owned[name]
    last, present = (stored(text) for text in (record.applied.get(name), now))
    if last is None or present is None:
        return before
    since = without(name, present, last)
    if not since:
        return before
    return json.dumps([*(stored(before) or stored(default) or []), *since], ensure_ascii=False)


def changed_by_hand(
    record: Record,
    desired: Mapping[str, str],
    current: Mapping[str, str],
    default: Callable[[str], str | None],
    schema: Schema,
    *,
    exclusive: bool,
) -> list[Finding]:
    """Return an error for each property that NGINX depends on and that was changed manually."""
    found = []
    for name in NGINX_DEPENDS_ON:
        prop, now = schema[name], current.get(name)
        if name in desired:
            last = record.applied.get(name)
            moved = last is not None and not prop.same(now, last)
            if not moved or prop.same(now, desired[name]):
                continue
            what = f"changed manually from {mask(name, last, schema)} to"
            back = f"restore this one: omero config set {name} …"
        else:
            kept = now is not None and name not in record.owned and not exclusive
            if not kept or prop.same(now, default(name)):
                continue
            what, back = "set manually to", f"unset it: omero config set {name}"
        found.append(
            Finding(
                name,
                f"was {what} {mask(name, now, schema)}, and NGINX depends on it; "
                f"set the value that you want in web_config, and {back}",
            )
        )
    return found
