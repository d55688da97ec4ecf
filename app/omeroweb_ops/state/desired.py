"""The desired state: an administrator's settings, and the text of each property that follows."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..shared.finding import Finding
from . import list_items, list_merge
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

    def select(self, wanted: Callable[[str], bool]) -> Desired:
        """Return the part that concerns some properties. wanted: whether a name is one of them."""
        return replace(
            self,
            set={name: value for name, value in self.set.items() if wanted(name)},
            append={name: items for name, items in self.append.items() if wanted(name)},
            remove={name: items for name, items in self.remove.items() if wanted(name)},
        )

    def dump(self, *, secret: bool = False) -> str:
        """Return the text to store.

        secret: include the names of secret properties, if there are any. Older releases refuse
        them.
        """
        content = {key: _by_name(value) for key, value in sorted(asdict(self).items())}
        names = content.pop("secret")
        if secret and names:
            content["secret"] = sorted(names)
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

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
                texts[name] = self._property(schema, name, strict).encode(value)
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
        prop = self._property(schema, name, strict)
        if not prop.may_be_list:
            kind = "text" if prop.kind == "custom" else prop.kind
            raise ValueError(f"is not a list but a {kind}; set it in web_config")
        default = schema.default(name, omerodir) if name in schema else None
        items = json.loads(default) if default else []
        items += self.own_items(name, by_hand, items)
        items = list_merge.removed(name, items, self.remove.get(name, ()))
        return prop.encode(list_merge.added(name, items, self.append.get(name, ())))

    def own_items(self, name: str, by_hand: str | None, defaults: Sequence[Any]) -> list[Any]:
        """Return the items of a manually set list that the defaults do not have.

        Items of a sequence that the inventory has now are its own.
        """
        own = list_merge.own_items(name, by_hand, defaults)
        if list_items.is_sequence(name):
            own = list_merge.without(name, own, self.append.get(name, ()))
        return own

    def _property(self, schema: Schema, name: str, strict: bool) -> Property:
        known = strict or name in schema
        prop = schema.lookup(name) if known else Property(name, "custom", None, "")
        return replace(prop, secret=True) if name in self.secret else prop


def _by_name(value: Any) -> Any:
    """Return properties by name; the order in a value stays, because it may matter to a plugin."""
    return dict(sorted(value.items())) if isinstance(value, dict) else value
