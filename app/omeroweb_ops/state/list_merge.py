"""Add items to lists and remove them, with the meaning that each property gives to its items.

Most lists of OMERO.web have items with a name: a second link with the same label replaces the
first. A sequence, such as the lines of `omero.web.nginx_server_extra_config`, may have equal items,
and their order matters (`list_items.is_sequence`). Pure: no I/O.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..property_names import ADMINS, SERVER_LIST, STATICFILE_DIRS
from .list_items import is_sequence

# Two administrators may have one name, two servers one host, two directories one prefix.
_COMPARED_AS_A_WHOLE = (ADMINS, SERVER_LIST, STATICFILE_DIRS)


def identity(item: Any) -> str:
    """Return the text that identifies an item of a list.

    It is an app's name, a middleware's class, the label of a link or a pane, else the item as JSON.
    """
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping):
        for key in ("class", "name"):
            if key in item:
                return str(item[key])
    if isinstance(item, Sequence) and item and isinstance(item[0], str):
        return item[0]
    return whole(item)


def whole(item: Any) -> str:
    """Return the text of a whole item."""
    return json.dumps(item, sort_keys=True)


def added(name: str, items: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """Return a property's list with new items at its end.

    They replace items with the same identity. In a sequence they replace none.
    """
    if is_sequence(name):
        return [*items, *new]
    found = [*items]
    for item in new:
        found = [other for other in found if _key(name, other) != _key(name, item)] + [item]
    return found


def removed(name: str, items: Sequence[Any], gone: Sequence[Any]) -> list[Any]:
    """Return a property's list without these items, which may be named by their identity.

    In a sequence each removes the first equal item, as `omero config remove` does.
    """
    found = [*items]
    for item in gone:
        if is_sequence(name) and whole(item) in (texts := [*map(whole, found)]):
            del found[texts.index(whole(item))]
        else:
            found = [each for each in found if not is_meant(name, each, item)]
    return found


def is_meant(name: str, item: Any, meant: Any) -> bool:
    """Return whether an item is to be removed: it is equal, or has the name that is meant."""
    if is_sequence(name) or name in _COMPARED_AS_A_WHOLE:
        by_name = isinstance(meant, str) and is_named(item, {meant})
        return by_name or whole(item) == whole(meant)
    return is_named(item, {identity(meant)})


def without(name: str, items: Sequence[Any], known: Sequence[Any]) -> list[Any]:
    """Return the items that another list of the same property does not have.

    In a sequence each known item counts once.
    """
    if not is_sequence(name):
        keys = {_key(name, item) for item in known}
        return [item for item in items if _key(name, item) not in keys]
    return difference(items, known)


def difference(items: Sequence[Any], known: Sequence[Any]) -> list[Any]:
    """Return the items that another list does not have; each of its items counts once."""
    left = Counter(map(whole, known))
    found = []
    for item in items:
        if left[whole(item)]:
            left[whole(item)] -= 1
        else:
            found.append(item)
    return found


def stored(text: str | None) -> list[Any] | None:
    """Return the items of a stored list; None if the text is not a list."""
    try:
        items = json.loads(text or "")
    except ValueError:
        return None
    return items if isinstance(items, list) else None


def own_items(name: str, by_hand: str | None, defaults: Sequence[Any]) -> list[Any]:
    """Return the items of a manually set list that the defaults do not have."""
    return without(name, stored(by_hand) or [], defaults)


def is_named(item: Any, names: Collection[str]) -> bool:
    """Return whether an item has one of the names. A link's target is also its name."""
    target = str(item[1]) if isinstance(item, list) and len(item) > 1 else None
    return identity(item) in names or target in names


def _key(name: str, item: Any) -> str:
    return whole(item) if name in _COMPARED_AS_A_WHOLE else identity(item)
