"""What the bundle owns in config.xml, and what someone changed by hand. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .derived import BOUND
from .desired import Finding
from .plan import mask
from .schema import Schema


@dataclass(frozen=True)
class Record:
    """What the bundle has set in config.xml.

    owned: the properties, each with the text that stood there by hand before (None: unset).
    applied: the text last written of those that NGINX depends on.
    """

    owned: Mapping[str, str | None] = field(default_factory=dict)
    applied: Mapping[str, str] = field(default_factory=dict)

    def data(self) -> dict[str, dict[str, str | None] | dict[str, str]]:
        """As JSON data; `applied` only where there is any."""
        owned: dict[str, str | None] = dict(self.owned)
        return {"owned": owned, **({"applied": dict(self.applied)} if self.applied else {})}


def changed_by_hand(
    record: Record,
    desired: Mapping[str, str],
    current: Mapping[str, str],
    default: Callable[[str], str | None],
    schema: Schema,
    *,
    exclusive: bool,
) -> list[Finding]:
    """NGINX follows the inventory: what it depends on must not have another value here."""
    found = []
    for name in BOUND:
        prop, now = schema[name], current.get(name)
        if name in desired:
            last = record.applied.get(name)
            moved = last is not None and not prop.same(now, last)
            if not moved or prop.same(now, desired[name]):
                continue
            what = f"changed by hand from {mask(name, last, schema)} to"
            back = f"put this one back: omero config set {name} …"
        else:
            kept = now is not None and name not in record.owned and not exclusive
            if not kept or prop.same(now, default(name)):
                continue
            what, back = "set by hand to", f"unset it: omero config set {name}"
        found.append(
            Finding(
                name,
                f"was {what} {mask(name, now, schema)}, and NGINX depends on it; "
                f"write the value that you want in web_config, and {back}",
            )
        )
    return found
