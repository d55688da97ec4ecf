"""The desired state: an administrator's settings, and the text of each property that follows."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..shared.finding import Finding
from .schema import Property, Schema


@dataclass(frozen=True)
class Desired:
    """Properties to set, and items to add to or take out of the release's default lists.

    secret: names of properties that came from a secrets file. The stored text omits them, because
    older releases refuse an unknown field (see `Engine.secret`).
    """

    set: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold secrets
    append: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    remove: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    exclusive: bool = False  # remove properties that are set manually
    secret: Collection[str] = ()

    @classmethod
    def load(cls, path: Path) -> Desired:
        """Read a file of `dump`. Raises OSError, and ValueError if its text is not valid."""
        return cls.parse(path.read_text(encoding="utf-8"), str(path))

    @classmethod
    def parse(cls, text: str, where: str) -> Desired:
        """Parse the text of `dump`. Raises ValueError if it has no desired state.

        Unknown fields are ignored: the text may be another version's.
        """
        known = {each.name for each in fields(cls)}
        try:
            content = json.loads(text)
            if not isinstance(content, dict) or not {*content} & known:
                raise ValueError("not a desired state")
            return cls(**{name: value for name, value in content.items() if name in known})
        except ValueError as error:
            raise ValueError(f"{where} is not readable ({error}); deploy again") from None

    def dump(self, *, secret: bool = False) -> str:
        """Return the text to store.

        secret: include the names of secret properties, if there are any. Older releases refuse
        them.
        """
        content = asdict(self)
        names = content.pop("secret")
        if secret and names:
            content["secret"] = sorted(names)
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def resolve(
        self,
        schema: Schema,
        omerodir: Path,
        *,
        strict: bool = True,
        by_hand: Mapping[str, str | None] = {},
    ) -> tuple[dict[str, str], list[Finding]]:
        """Return the text of every property, and all findings.

        by_hand: lists as they were before the bundle appended to them (`omero config append` stores
        a whole list): their own items are kept in addition to the release's defaults.

        strict: refuse names that the schema does not have. A site with plugins is not strict,
        because only the host knows the plugins' properties.
        """
        texts: dict[str, str] = {}
        findings: list[Finding] = []
        for name, value in self.set.items():
            try:
                texts[name] = self._property(schema, name, value, strict).encode(value)
            except ValueError as error:
                findings.append(Finding(name, str(error)))
        for name in sorted({*self.append, *self.remove}):
            try:
                if name in self.set:
                    raise ValueError(
                        "is both set and appended to or removed from; set the whole list in "
                        "web_config, or only the changes in web_config_append / web_config_remove"
                    )
                texts[name] = self._merged(schema, omerodir, name, strict, by_hand.get(name))
            except ValueError as error:
                findings.append(Finding(name, str(error)))
        return texts, findings

    def _merged(
        self, schema: Schema, omerodir: Path, name: str, strict: bool, by_hand: str | None
    ) -> str:
        prop = self._property(schema, name, [], strict)
        if prop.kind != "list":
            raise ValueError(f"is not a list but a {prop.kind}; set it in web_config")
        default = schema.default(name, omerodir) if name in schema else None
        items = json.loads(default) if default else []
        items += own_items(by_hand, items)
        gone = {identity(item) for item in self.remove.get(name, ())}
        items = [item for item in items if not is_named(item, gone)]
        return prop.encode(with_items(items, self.append.get(name, ())))

    def _property(self, schema: Schema, name: str, value: Any, strict: bool) -> Property:
        prop = _property(schema, name, value, strict)
        return replace(prop, secret=True) if name in self.secret else prop


def with_items(items: Sequence[Any], added: Sequence[Any]) -> list[Any]:
    """Return the list with these items at its end; they replace items of the same name."""
    found = [*items]
    for item in added:
        found = [other for other in found if identity(other) != identity(item)] + [item]
    return found


def own_items(by_hand: str | None, defaults: Sequence[Any]) -> list[Any]:
    """Return the items of a manually set list that the defaults do not have."""
    try:
        items = json.loads(by_hand or "[]")
    except ValueError:
        items = None
    if not isinstance(items, list):
        return []  # there are no items to keep
    known = {identity(item) for item in defaults}
    return [item for item in items if identity(item) not in known]


def identity(item: Any) -> str:
    """Return the text that identifies an item of a list.

    It is an app's name, a middleware's class, the label of a link or a pane, else the item as JSON:
    one host may have two servers.
    """
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping):
        for key in ("class", "name"):
            if key in item:
                return str(item[key])
    if isinstance(item, Sequence) and item and isinstance(item[0], str) and not _is_server(item):
        return item[0]
    return json.dumps(item, sort_keys=True)


def _is_server(item: Sequence[Any]) -> bool:
    return len(item) > 1 and isinstance(item[1], int)


def is_named(item: Any, names: Collection[str]) -> bool:
    """Return whether an item has one of the names. A link's target is also its name."""
    target = str(item[1]) if isinstance(item, list) and len(item) > 1 else None
    return identity(item) in names or target in names


def _property(schema: Schema, name: str, value: Any, strict: bool) -> Property:
    if strict or name in schema:
        return schema.lookup(name)
    kinds: dict[type, str] = {bool: "boolean", int: "integer", list: "list", dict: "object"}
    return Property(name, kinds.get(type(value), "string"), None, "")
