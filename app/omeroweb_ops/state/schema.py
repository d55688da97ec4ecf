"""Define the types, defaults and stored texts of OMERO.web's properties.

The data comes from `omeroweb.settings`' own mappings of the locked release (see
`schema_introspection`).
Upstream's mapping functions are lenient (`parse_boolean` reads "yes" as False, `json.loads` accepts
any shape for a list); this module refuses a value that cannot be intended.
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
from .redaction import as_data, is_secret_name

DATA = Path(__file__).parent.parent / "data" / "schema.json"

# The texts that upstream's parse_boolean reads as True, and those that mean False.
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")
# Characters that config.xml cannot have (XML 1.0, Char).
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_WRITE = {
    "boolean": "must be True or False",
    "integer": "must be a whole number",
    "string": "must be text in quotes",
    "list": "must be a list of the default's form",
    "object": "must be a dictionary, for example {...}",
    "regex": "must be a regular expression",
}
_BROKEN_LINE = (
    "has a line break inside quotes, as in upstream's Redis recipe; set it as Python data, or "
    "remove it: a host in the inventory's group redis is sufficient"
)
_SHAPES: dict[str, tuple[type, str]] = {
    "list": (list, "a list, for example [...]"),
    "object": (dict, "a dictionary, for example {...}"),
}


class Unquoted(ValueError):
    """An error whose text has no part of the value, so that it can be shown for a secret, too."""


@dataclass(frozen=True)
class Property:
    """A property of OMERO.web.

    kind: boolean, switch, integer, string, list, object, regex, choice, base_url or custom. A
    switch is a boolean that some plugins read with Python's bool: any text, also "false", enables
    it. OMERO.web adds the last slash of a base_url itself. The function of a plugin reads a custom
    property, so any text or data may be right.
    default: the stored text, or None if upstream leaves the setting unset; "${OMERODIR}" stands
    for the installation's directory.
    secret: whether the value came from a secrets file.
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
        """Whether the whole value must be masked in any output.

        It is secret by its source or by its name. Upstream gives no secret a default, so a property
        with a default (`omero.web.login_incorrect_credentials_text`) is not secret. The caches' URL
        or OPTIONS may have a password.
        """
        if self.secret:
            return True
        if self.kind in ("boolean", "switch"):
            return False
        return self.is_cache or (not self.default and is_secret_name(self.name))

    @property
    def is_cache(self) -> bool:
        """Whether the property describes caches, of which only a part is a password."""
        return self.name.endswith("caches")

    def encode(self, value: object) -> str:
        """Return the text to store for a Python value, or for text of `omero config set`.

        Raises ValueError with the error and what the value must be.
        """
        try:
            text = _ENCODERS[self.kind](self, value)
        except ValueError as error:
            if isinstance(error, Unquoted) or not self.is_secret:
                raise
            raise ValueError(
                "the secret (not shown) "
                + _WRITE.get(self.kind, "is not valid; see OMERO.web's configuration")
            ) from None
        if _NOT_XML.search(text):
            raise ValueError("has a control character; remove it")
        return text

    def same(self, left: str | None, right: str | None) -> bool:
        """Return whether two stored texts mean the same to OMERO.web."""
        if left is None or right is None:
            return left is right
        return left == right or self._meaning(left) == self._meaning(right)

    @property
    def may_be_list(self) -> bool:
        """Whether items can be added to the property."""
        if self.kind == "custom":
            return not self.default or isinstance(self.value(self.default), list)
        return self.kind == "list"

    def value(self, text: str | None) -> Any:
        """Return a stored text as Python data; unchanged if not valid, None if unset."""
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
            if self.kind == "base_url":
                return base_url(text)
            if self.kind == "custom":
                return as_data(text)
        except ValueError:
            pass
        return text

    def _meaning(self, text: str) -> object:
        value = self.value(text)
        # as JSON text: in Python 1 == True
        if self.kind == "custom":  # the order of keys may matter to a plugin
            return json.dumps(value)
        return json.dumps(value, sort_keys=True) if self.kind in _SHAPES else value


def base_url(text: str) -> str:
    """Return a URL with the slash at its end that OMERO.web adds (omeroweb.utils.str_slash)."""
    return f"{text}/" if text and not text.endswith("/") else text


def _encode_boolean(prop: Property, value: object) -> str:
    text = str(value).strip().lower()
    if isinstance(value, (bool, str)) and text in _TRUE + _FALSE:
        return "true" if text in _TRUE else "false"
    raise ValueError(
        f"must be True or False, not {value!r} (as text: {', '.join(_TRUE)}, {', '.join(_FALSE)})"
    )


def _encode_switch(prop: Property, value: object) -> str:
    if value == "" or _encode_boolean(prop, value) == "true":
        return "true" if value else ""
    raise ValueError("any text, also 'false', enables it; remove it or set '' to disable it")


def _encode_integer(prop: Property, value: object) -> str:
    if not isinstance(value, bool) and isinstance(value, (int, str)):
        try:
            return str(int(value))
        except ValueError:
            pass
    raise ValueError(f"must be a whole number, not {value!r}. Example: {prop.default or 1}")


def _encode_string(prop: Property, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"must be text in quotes, not {value!r}")


def _encode_json(prop: Property, value: object) -> str:
    shape, example = _SHAPES[prop.kind]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            if _is_json_but_for_line_breaks(str(value)):
                raise Unquoted(_BROKEN_LINE) from None
            raise ValueError(
                f"{value!r} is not JSON ({error}); must be Python data: {example}"
            ) from None
    if isinstance(value, tuple):
        value = list(value)
    if not isinstance(value, shape):
        raise ValueError(f"must be {example}, not {value!r}. Default: {prop.default}")
    text = _json(value)
    wrong = item_error(prop.name, json.loads(text)) if shape is list else None
    if wrong:
        raise ValueError(wrong)
    return text


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{value!r} cannot be stored as JSON ({error})") from None


def _encode_base_url(prop: Property, value: object) -> str:
    return base_url(_encode_string(prop, value))


def _encode_custom(prop: Property, value: object) -> str:
    if value is None:
        raise ValueError("must be text, a number or a list or dictionary, not None; remove it")
    return value if isinstance(value, str) else _json(value)


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
        raise ValueError(f"must be a regular expression, not {text!r} ({error})") from None
    return text


def _encode_choice(prop: Property, value: object) -> str:
    if value in prop.choices:
        return str(value)
    raise ValueError(f"must be one of {', '.join(prop.choices)}, not {value!r}")


_ENCODERS = {
    "boolean": _encode_boolean,
    "switch": _encode_switch,
    "integer": _encode_integer,
    "string": _encode_string,
    "list": _encode_json,
    "object": _encode_json,
    "regex": _encode_regex,
    "choice": _encode_choice,
    "base_url": _encode_base_url,
    "custom": _encode_custom,
}


class Schema(Mapping[str, Property]):
    """All properties of one omero-web version, by name."""

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
        """Return a schema for showing values, in which these properties are secret.

        The schema gets names that it does not have, so it cannot tell which properties exist.
        """
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
        """Return the known property that is most similar to an unknown name, or None."""
        close = difflib.get_close_matches(name, self._names, n=1, cutoff=0.6)
        return close[0] if close else None

    def lookup(self, name: str) -> Property:
        """Return a property. Raises ValueError with the most similar name."""
        if name in self._properties:
            return self._properties[name]
        near = self.nearest(name)
        hint = f"did you mean {near}?" if near else "see the list of properties in the docs"
        raise ValueError(f"OMERO.web has no such property; {hint}")

    def default(self, name: str, omerodir: Path) -> str | None:
        """Return a property's default text for this OMERODIR, or None."""
        text = self[name].default
        return None if text is None else text.replace("${OMERODIR}", str(omerodir))


def locked() -> Schema:
    """Return the schema of the OMERO.web version in the bundle's lock."""
    return from_data(json.loads(DATA.read_text(encoding="utf-8")))


def from_data(data: Mapping[str, Any]) -> Schema:
    """Return the schema from data of `schema_introspection`."""
    return Schema(
        Property(**{**entry, "choices": tuple(entry.get("choices", ()))})
        for entry in data["properties"]
    )
