"""A plan as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from .desired import identity
from .plan import Change, Plan, mask
from .redaction import MASK, conceal
from .schema import Property, Schema

_SIGNS = {"add": "+", "change": "~", "remove": "-"}


def lines(plan: Plan, schema: Schema) -> Iterator[str]:
    """One line a property; for a list, one line for each item that comes or goes."""
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
        yield f"! {name}: set by hand, kept"
    for name, added in kept(plan, schema).items():
        yield f"! {name}: added by hand, kept: {', '.join(map(_text, added))}"


def kept(plan: Plan, schema: Schema) -> dict[str, list[Any]]:
    """The items of lists that were added by hand and stay, as they may be shown."""
    return {
        name: [MASK] if name in schema and schema[name].is_secret else [*map(conceal, items)]
        for name, items in plan.kept.items()
    }


def without(lines: Iterable[str], secret: Collection[str]) -> Iterator[str]:
    """Such lines, of a release that may not know these names as secret, as they may be shown."""
    hidden = False  # the lines of items below a name
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
            yield line if rest.endswith(": set by hand, kept") else f"! {name}: {MASK}"
        else:
            old, new = ("(not set)" if sign == unset else MASK for unset in "+-")
            yield f"{sign} {name}: {old} → {new}"


def _items(change: Change, prop: Property | None) -> list[str]:
    """What comes into a list and what goes out of it; nothing where they are not two lists.

    An unset list is the default one.
    """
    default = prop.default if prop else None
    texts = [default if text is None else text for text in (change.old, change.new)]
    try:
        old, new = (json.loads(text or "") for text in texts)
    except ValueError:
        return []
    if not isinstance(old, list) or not isinstance(new, list):
        return []
    before = {identity(item): item for item in old}
    after = {identity(item): item for item in new}
    found = [f"- {_shown(item)}" for key, item in before.items() if after.get(key) != item]
    found += [f"+ {_shown(item)}" for key, item in after.items() if before.get(key) != item]
    if found or old != new:
        return found or ["(another order)"]
    unset = change.old is None or change.new is None
    return ["(the same as the default)" if unset else "(the same in another notation)"]


def _shown(item: object) -> str:
    return _text(conceal(item))


def _text(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
