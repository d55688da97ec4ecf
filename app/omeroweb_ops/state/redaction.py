"""Find secrets in values, and mask them in texts. Pure: no I/O.

A part of a value is secret by its name (`is_secret_name`). A whole property is secret if it came
from a secrets file (`Desired.secret`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from . import quoting

MASK = "********"
_SECRET_NAME = re.compile(r"secret|token|passw|key|dsn|credential", re.I)
# The name in a pair [NAME, value]: a setting's, and not the label of a link ("Public keys").
_PAIR_NAME = re.compile(r"[a-z_][\w.-]*|[A-Z][A-Z0-9_.-]*")
# The userinfo before the @ of an authority (RFC 3986, 3.2.1).
_USERINFO = re.compile(r"(?<=://)([^/?#\s@:]*:)([^/?#\s@]+)(?=@)")
_WORD_LENGTH = 8  # characters; a shorter secret may be part of an ordinary word


def is_secret_name(name: str) -> bool:
    """Return whether a property, a setting or a key is named like a secret."""
    return bool(_SECRET_NAME.search(name))


def conceal(value: Any) -> Any:
    """Return a value with a mask for each part with a secret name, and for passwords in URLs."""
    if isinstance(value, dict):
        return {key: _conceal_named(str(key), part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        if _is_pair(value):
            return [value[0], _conceal_named(value[0], value[1])]
        return [conceal(part) for part in value]
    if isinstance(value, str):
        return _USERINFO.sub(rf"\1{MASK}", value)
    return value


def conceal_text(text: str) -> str:
    """Return a stored text, which may be JSON, with masks; unchanged if nothing is secret."""
    value = as_data(text)
    shown = conceal(value)
    if shown == value:
        return text
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def secret_texts(value: Any) -> Iterator[str]:
    """Yield every text that `conceal` masks in a value."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _named_texts(str(key), part)
    elif isinstance(value, (list, tuple)):
        if _is_pair(value):
            yield from _named_texts(value[0], value[1])
        else:
            for part in value:
                yield from secret_texts(part)
    elif isinstance(value, str):
        yield from (found[2] for found in _USERINFO.finditer(value))


def texts(value: Any) -> Iterator[str]:
    """Yield the texts in a secret value, except names, small numbers and booleans.

    A value that is stored as JSON text is parsed.
    """
    if isinstance(value, str):
        data = as_data(value)
        yield value
        yield from secret_texts(value) if data is value else texts(data)
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value[1:] if _is_pair(value) else value:
            yield from texts(part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) > 999:
        yield str(value)


def as_data(text: str) -> Any:
    """Return the list or dictionary in a JSON text, or the text itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, (dict, list)) else text


def redact(message: str, secrets: Iterable[str]) -> str:
    """Return a message with a mask for each of these texts, in any quoted form (see `quoting`).

    A short secret is masked only as a whole word, so that other words stay readable.
    """
    parts = {part for secret in secrets for part in _parts(secret) if part}
    pattern = _pattern(frozenset(part for part in parts if quoting.may_occur(part, message)))
    return pattern.sub(MASK, message) if pattern else message


@lru_cache(maxsize=64)
def _pattern(parts: frozenset[str]) -> re.Pattern[str] | None:
    # the longest first: one secret may be part of another
    alternatives = sorted(parts, key=len, reverse=True)
    return re.compile("|".join(map(_found, alternatives))) if alternatives else None


def _found(part: str) -> str:
    found = quoting.pattern(part)
    if len(part) >= _WORD_LENGTH:
        return found
    # "web" is not a whole word in "OMERO.web"
    before = r"(?<!\w)(?<!\w[.-])" if re.match(r"\w", part) else ""
    return before + found + (r"(?!\w)(?![.-]\w)" if re.search(r"\w\Z", part) else "")


def _parts(secret: str) -> Iterator[str]:
    """Yield a whole secret, and each line that is long enough: a message may quote a single line.

    Quotes at the ends of a long part are removed, because a quoted message has its own.
    """
    for part in (secret, *secret.splitlines()):
        bare = part.strip(quoting.QUOTING)
        if len(bare) >= _WORD_LENGTH:
            yield bare
        elif part == secret or len(part.strip()) >= _WORD_LENGTH:
            yield part.strip()


def _conceal_named(name: str, value: Any) -> Any:
    plain = value is None or isinstance(value, bool)
    return MASK if is_secret_name(name) and not plain else conceal(value)


def _named_texts(name: str, value: Any) -> Iterator[str]:
    return texts(value) if is_secret_name(name) else secret_texts(value)


def _is_pair(value: list[Any] | tuple[Any, ...]) -> bool:
    return len(value) == 2 and isinstance(value[0], str) and bool(_PAIR_NAME.fullmatch(value[0]))
