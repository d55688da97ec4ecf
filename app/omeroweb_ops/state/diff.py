"""Format a plan for people."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from .list_merge import difference
from .plan import Change, Plan, mask
from .redaction import MASK, conceal
from .schema import Property, Schema

_SIGNS = {"add": "+", "change": "~", "remove": "-"}
# The end of a line about a property that stays, also of older releases, whose lines a deploy reads.
_DRIFT = (": set manually, kept", ": set by hand, kept")


def lines(plan: Plan, schema: Schema) -> Iterator[str]:
    """Yield a line for each property; for a list, a line for each item that is added or removed."""
    for change in plan.changes:
        prop = schema.get(change.name)
        items = [] if prop is not None and prop.is_secret else _items(change, prop)
        if items:
            yield f"{_SIGNS[change.action]} {change.name}:"
            yield from (f"    {line}" for line in items)
        else:
            old, new = (mask(change.name, text, schema) for text in (change.old, change.new))
            texts = " → ".join("(not set)" if text is None else text for text in (old, new))
            yield f"{_SIGNS[change.action]} {change.name}: {texts}"
    for name in plan.drift:
        yield f"! {name}: set manually, kept"
    for name, added in kept(plan, schema).items():
        yield f"! {name}: added manually, kept: {', '.join(map(_text, added))}"


def kept(plan: Plan, schema: Schema) -> dict[str, list[Any]]:
    """Return the manually added items that stay in lists, without secrets."""
    return {
        name: [MASK] if name in schema and schema[name].is_secret else [*map(conceal, items)]
        for name, items in plan.kept.items()
    }


def without(lines: Iterable[str], secret: Collection[str]) -> Iterator[str]:
    """Yield the lines of another release without secrets, because it may not know these names."""
    hidden = False  # whether the lines of items below the name are secret
    for line in lines:
        sign, _, rest = str(line).partition(" ")
        name = rest.partition(":")[0]
        if line.startswith(" "):
            if not hidden:
                yield line
            continue
        hidden = name in secret
        if not hidden:
            yield line
        elif sign == "!":
            yield line if rest.endswith(_DRIFT) else f"! {name}: {MASK}"
        else:
            old, new = ("(not set)" if sign == unset else MASK for unset in "+-")
            yield f"{sign} {name}: {old} → {new}"


def _items(change: Change, prop: Property | None) -> list[str]:
    """Return the items that a list gains and loses; none if a text is not a list.

    An unset list is the default list.
    """
    default = prop.default if prop else None
    texts = [default if text is None else text for text in (change.old, change.new)]
    try:
        old, new = (json.loads(text or "") for text in texts)
    except ValueError:
        return []
    if not isinstance(old, list) or not isinstance(new, list):
        return []
    found = [f"- {_shown(item)}" for item in difference(old, new)]
    found += [f"+ {_shown(item)}" for item in difference(new, old)]
    if found or old != new:
        return found or ["(another order)"]
    unset = change.old is None or change.new is None
    return ["(the same as the default)" if unset else "(the same in another notation)"]


def _shown(item: object) -> str:
    return _text(conceal(item))


def _text(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
