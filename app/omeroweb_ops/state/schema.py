"""OMERO.web's properties: their types, defaults and the text form in which they are stored.

The data comes from `omeroweb.settings`' own mappings of the locked release (see
`schema_introspection`).
Upstream's mapping functions are lenient (`parse_boolean` takes "yes" for False, `json.loads` any
shape for a list); this module refuses what cannot be meant.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .list_items import item_error
from .redaction import is_secret_name

DATA = Path(__file__).parent.parent / "data" / "schema.json"

# Read by omeroweb.settings beside its mappings: CUSTOM_HOST (FACTS: `omero.master.host`).
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")
# What config.xml cannot hold (XML 1.0, Char).
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_WRITE = {
    "boolean": "write True or False",
    "integer": "write a whole number",
    "string": "write it in quotes",
    "list": "write a list of the default's form",
    "object": "write a dictionary, for example {...}",
    "regex": "write a regular expression",
}
_BROKEN_LINE = (
    "has a line break inside quotes, as the documentation's Redis recipe has; write it as Python "
    "data, or leave it out: a host in the inventory's group redis is all that is needed"
)
_SHAPES: dict[str, tuple[type, str]] = {
    "list": (list, "a list, for example [...]"),
    "object": (dict, "a dictionary, for example {...}"),
}


class Unquoted(ValueError):
    """A refusal whose text holds nothing of the value, so that it may be shown of a secret too."""


@dataclass(frozen=True)
class Property:
    """One OMERO.web property.

    kind: boolean, switch, integer, string, list, object, regex or choice. A switch is a boolean
    that some plugins read by Python's bool: any text switches it on, "false" too.
    default: the stored text, or None where upstream leaves the setting unset;
    "${OMERODIR}" stands for the installation's own folder.
    secret: it came from a secrets file, whatever it is.
    """

    name: str
    kind: str
    default: str | None
    description: str
    choices: tuple[str, ...] = ()
    deprecated: bool = False
    secret: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether the value as a whole must be masked wherever it is shown.

        Judged by where it came from, and by its name: upstream gives no secret a default, so that
        a property with one (`omero.web.login_incorrect_credentials_text`) is none. The caches'
        URL or OPTIONS may hold a password.
        """
        if self.secret:
            return True
        if self.kind in ("boolean", "switch"):
            return False
        return self.is_cache or (not self.default and is_secret_name(self.name))

    @property
    def is_cache(self) -> bool:
        """Whether it is the caches' description, of which a password is but a part."""
        return self.name.endswith("caches")

    def encode(self, value: object) -> str:
        """The text to store for a Python value, or for text as `omero config set` takes it.

        Raises ValueError that says what is wrong and what to write instead.
        """
        try:
            text = _ENCODERS[self.kind](self, value)
        except ValueError as error:
            if isinstance(error, Unquoted) or not self.is_secret:
                raise
            raise ValueError(
                f"the secret (not shown) is no {self.kind} as it must be; "
                + _WRITE.get(self.kind, "see OMERO.web's configuration")
            ) from None
        if _NOT_XML.search(text):
            raise ValueError("holds a control character; write it without")
        return text

    def same(self, left: str | None, right: str | None) -> bool:
        """Whether two stored texts mean the same to OMERO.web."""
        if left is None or right is None:
            return left is right
        return left == right or self._meaning(left) == self._meaning(right)

    def value(self, text: str | None) -> Any:
        """A stored text as Python data; text where it cannot be read, None where it is unset."""
        if text is None:
            return None
        try:
            if self.kind == "boolean":
                return text.strip().lower() in _TRUE  # as upstream's parse_boolean
            if self.kind == "switch":
                return bool(text)
            if self.kind == "integer":
                return int(text)
            if self.kind in _SHAPES:
                return json.loads(text)
        except ValueError:
            pass
        return text

    def _meaning(self, text: str) -> object:
        value = self.value(text)
        # as JSON text: in Python 1 == True
        return json.dumps(value, sort_keys=True) if self.kind in _SHAPES else value


def _encode_boolean(prop: Property, value: object) -> str:
    text = str(value).strip().lower()
    if isinstance(value, (bool, str)) and text in _TRUE + _FALSE:
        return "true" if text in _TRUE else "false"
    raise ValueError(
        f"{value!r} is not a boolean; write True or False "
        f"(as text: {', '.join(_TRUE)}, {', '.join(_FALSE)})"
    )


def _encode_switch(prop: Property, value: object) -> str:
    if _encode_boolean(prop, value) == "true":
        return "true"
    raise ValueError("any text switches it on, 'false' too; leave it out to have it off")


def _encode_integer(prop: Property, value: object) -> str:
    if not isinstance(value, bool) and isinstance(value, (int, str)):
        try:
            return str(int(value))
        except ValueError:
            pass
    raise ValueError(f"{value!r} is not a whole number; write for example {prop.default or 1}")


def _encode_string(prop: Property, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{value!r} is not text; write it in quotes")


def _encode_json(prop: Property, value: object) -> str:
    shape, example = _SHAPES[prop.kind]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            if _is_json_but_for_line_breaks(str(value)):
                raise Unquoted(_BROKEN_LINE) from None
            raise ValueError(
                f"{value!r} is not JSON ({error}); write Python data instead: {example}"
            ) from None
    if isinstance(value, tuple):
        value = list(value)
    if not isinstance(value, shape):
        raise ValueError(f"{value!r} is not {example}; write the default's form: {prop.default}")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{value!r} cannot be written as JSON ({error})") from None
    wrong = item_error(prop.name, json.loads(text), prop.default) if shape is list else None
    if wrong:
        raise ValueError(wrong)
    return text


def _is_json_but_for_line_breaks(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True


def _encode_regex(prop: Property, value: object) -> str:
    text = _encode_string(prop, value)
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression ({error})") from None
    return text


def _encode_choice(prop: Property, value: object) -> str:
    if value in prop.choices:
        return str(value)
    raise ValueError(f"{value!r} is not possible; choose one of {', '.join(prop.choices)}")


_ENCODERS = {
    "boolean": _encode_boolean,
    "switch": _encode_switch,
    "integer": _encode_integer,
    "string": _encode_string,
    "list": _encode_json,
    "object": _encode_json,
    "regex": _encode_regex,
    "choice": _encode_choice,
}


class Schema(Mapping[str, Property]):
    """All properties of one omero-web release, by name."""

    def __init__(self, properties: Iterable[Property]) -> None:
        self._properties = {prop.name: prop for prop in properties}

    def __getitem__(self, name: str) -> Property:
        return self._properties[name]

    def __iter__(self) -> Any:
        return iter(self._properties)

    def __len__(self) -> int:
        return len(self._properties)

    @cached_property
    def _names(self) -> list[str]:
        return [name for name, prop in self._properties.items() if not prop.deprecated]

    def with_secrets(self, names: Collection[str]) -> Schema:
        """The same with these properties known as secret, whether it has them or not: for what is
        shown, and not to look up what exists."""
        if not names:
            return self
        return Schema(
            [
                *(
                    replace(prop, secret=prop.secret or prop.name in names)
                    for prop in self._properties.values()
                ),
                *(
                    Property(name, "string", None, "", secret=True)
                    for name in names
                    if name not in self
                ),
            ]
        )

    def nearest(self, name: str) -> str | None:
        """The known property that an unknown name most likely means."""
        close = difflib.get_close_matches(name, self._names, n=1, cutoff=0.6)
        return close[0] if close else None

    def lookup(self, name: str) -> Property:
        """The property, or ValueError with the nearest name."""
        if name in self._properties:
            return self._properties[name]
        near = self.nearest(name)
        hint = f"did you mean {near}?" if near else "see the list of properties in the docs"
        raise ValueError(f"OMERO.web has no such property; {hint}")

    def default(self, name: str, omerodir: Path) -> str | None:
        """The default's text as this installation sees it."""
        text = self[name].default
        return None if text is None else text.replace("${OMERODIR}", str(omerodir))


def locked() -> Schema:
    """The schema of the release that the bundle's lock installs."""
    return from_data(json.loads(DATA.read_text(encoding="utf-8")))


def from_data(data: Mapping[str, Any]) -> Schema:
    """The schema that `schema_introspection` has read."""
    return Schema(
        Property(**{**entry, "choices": tuple(entry.get("choices", ()))})
        for entry in data["properties"]
    )
