"""What of a value is secret, and texts as they may be shown. Pure: no I/O.

Known by name: `is_secret_name`. What a property holds as a whole is known by where it came from
(`Desired.secret`).
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
# RFC 3986, 3.2.1: what stands before the @ of an authority.
_USERINFO = re.compile(r"(?<=://)([^/?#\s@:]*:)([^/?#\s@]+)(?=@)")
_WORD_LENGTH = 8  # characters; a shorter secret may be part of an ordinary word


def is_secret_name(name: str) -> bool:
    """Whether a property, a setting or a key is named like a secret."""
    return bool(_SECRET_NAME.search(name))


def conceal(value: Any) -> Any:
    """A value with a mask for each part that is secret by the name of its key or its pair, and for
    the password in a URL."""
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
    """The same of a stored text, which may be JSON; unchanged where nothing of it is secret."""
    value = as_data(text)
    shown = conceal(value)
    if shown == value:
        return text
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def secret_texts(value: Any) -> Iterator[str]:
    """Every text that `conceal` masks in a value."""
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
    """Every text in a value that is secret as a whole: all but names, small numbers and switches.

    The value of a property that is stored as JSON text is looked into.
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
    """A list or a dictionary that is stored as JSON text; the text itself where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, (dict, list)) else text


def redact(message: str, secrets: Iterable[str]) -> str:
    """A message with a mask for each of these texts, in whatever form something quotes it (see
    `quoting`). A short one is found as a word alone, so that others stay readable."""
    pattern = _pattern(frozenset(secrets))
    return pattern.sub(MASK, message) if pattern else message


@lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    parts = {part for secret in secrets for part in _parts(secret) if part}
    # the longest first: one secret may be part of another
    alternatives = sorted(parts, key=len, reverse=True)
    return re.compile("|".join(map(_found, alternatives))) if alternatives else None


def _found(part: str) -> str:
    found = quoting.pattern(part)
    if len(part) >= _WORD_LENGTH:
        return found
    # "web" is no word of its own in "OMERO.web"
    before = r"(?<!\w)(?<!\w[.-])" if re.match(r"\w", part) else ""
    return before + found + (r"(?!\w)(?![.-]\w)" if re.search(r"\w\Z", part) else "")


def _parts(secret: str) -> Iterator[str]:
    """The whole, and each line that is long enough: a message may quote one of them.

    Without quotes at the ends of a long one, where what quotes it has its own.
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
