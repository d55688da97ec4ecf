"""Parse hash-pinned requirements files, as `uv pip compile --generate-hashes` writes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_HARMLESS = ("--require-hashes", "--no-binary", "--only-binary", "--prefer-binary")


def pins(text: str) -> dict[str, set[str]]:
    """Return each package's versions, of which markers choose one; '' if a URL is pinned."""
    found: dict[str, set[str]] = {}
    for _line, pin in _entries(text):
        if pin:
            versions = {each.version for each in pin.specifier} or {""}
            found.setdefault(canonicalize_name(pin.name), set()).update(versions)
    return found


def loose(text: str) -> list[str]:
    """Return the entries without an exact version or without a hash; see `options`, too."""
    return [
        line.split()[0]
        for line, pin in _entries(text)
        if not line.startswith("-") and not (pin and "--hash=" in line)
    ]


def options(text: str) -> list[str]:
    """Return the names of options that install something which the file does not pin, each once."""
    found = (re.match(r"--[^\s=]+|-.?", line) for line, _pin in _entries(text))
    return [*dict.fromkeys(each[0] for each in found if each and each[0] not in _HARMLESS)]


def required(line: str) -> str | None:
    """Return the package of a line of a requirements.in; None for an empty line or a comment.

    Raises ValueError for a requirement that is none.
    """
    text = _without_comment(line)
    return canonicalize_name(Requirement(text).name) if text else None


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*", "", line).strip()


def _entries(text: str) -> Iterator[tuple[str, Requirement | None]]:
    """Yield each entry as one line, with its pin, or None if it pins nothing."""
    for joined in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = _without_comment(joined)
        if line:
            yield line, _pin(line)


def _pin(line: str) -> Requirement | None:
    try:
        pin = Requirement(re.sub(r"\s--hash=\S+", "", line))
    except InvalidRequirement:
        return None
    return pin if pin.url or [each.operator for each in pin.specifier] == ["=="] else None
