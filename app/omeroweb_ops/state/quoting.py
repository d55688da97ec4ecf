"""Match a text in every form in which a message may quote it. Pure: no I/O.

A quoted text may be quoted again, for example as Python's repr of JSON in a shell's command line.
So a special character matches in the form of Python, JSON, XML, HTML, a shell and a URL, after any
number of backslashes, and with the signs of these forms quoted in turn.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_PERCENT = "%(?:25)*"
_BACKSLASH = rf"(?:\\|{_PERCENT}5c)"
_AND = rf"(?:&|{_PERCENT}26)(?:amp(?:;|{_PERCENT}3b))*"
_SEMICOLON = rf"(?:;|{_PERCENT}3b)"
_ENTITIES = {'"': "quot", "&": "amp", "<": "lt", ">": "gt", "'": "apos"}
QUOTING = "\\'\" \t\r\n"
_RUNS = re.compile(r"(?P<plain>[A-Za-z0-9_]+)|(?P<quoting>[\s\\'\"]+)|.", re.DOTALL)


def pattern(text: str) -> str:
    """Return a regular expression for a text, unquoted or quoted several times."""
    return "".join(map(_of_run, _RUNS.finditer(text)))


def may_occur(text: str, message: str) -> bool:
    """Return whether a message may quote a text.

    Letters and digits are the same in every form, so this is False for most texts at once, without
    the time that the expression of `pattern` takes to compile.
    """
    return all(run["plain"] in message for run in _RUNS.finditer(text) if run["plain"])


def _of_run(run: re.Match[str]) -> str:
    if run["plain"]:
        return run[0]
    if run["quoting"]:
        return _any_quoting({*run[0]})
    signs = "|".join([re.escape(run[0]), *_signs(run[0])])
    return f"(?i:{_BACKSLASH}*(?:{signs})|{_BACKSLASH}+(?:{'|'.join(_escapes(run[0]))}))"


def _any_quoting(characters: Collection[str]) -> str:
    """Return an expression for a run of backslashes, quotes and spaces.

    Spaces may be folded to one, and ' is '"'"' in a shell. The expression matches as few characters
    as possible, because another secret may follow. No two alternatives begin alike, so that a long
    run cannot match in very many ways.
    """
    found = sorted({*characters, *QUOTING, "+"})
    escapes = [*(each for one in found for each in _escapes(one)), "[nrtvf]"]
    signs = [sign for one in found for sign in [*_signs(one)][one == "\\" :]]
    return rf"(?i:[\s'\"+]|{_BACKSLASH}(?:{'|'.join(escapes)})??|{'|'.join(signs)})+?"


def _escapes(character: str) -> Iterator[str]:
    """Yield the forms of a character after a backslash."""
    code = ord(character)
    units = character.encode("utf-16-be", "surrogatepass")
    yield rf"{_BACKSLASH}+".join(f"x{each:02x}" for each in _octets(character))
    yield rf"{_BACKSLASH}+".join(f"u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    if 0x7F < code < 0x100:
        yield f"x{code:02x}"
    if code > 0xFFFF:
        yield f"U{code:08x}"


def _signs(character: str) -> Iterator[str]:
    """Yield the forms of a character by its code or its name, without a backslash."""
    code = ord(character)
    yield "".join(f"{_PERCENT}{octet:02x}" for octet in _octets(character))
    names = [rf"(?:#|{_PERCENT}23)(?:0*{code}|x0*{code:x})"]
    names += [_ENTITIES[character]] if character in _ENTITIES else []
    yield f"{_AND}(?:{'|'.join(names)}){_SEMICOLON}"


def _octets(character: str) -> bytes:
    return character.encode("utf-8", "surrogatepass")
