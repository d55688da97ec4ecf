"""Read the lines of omero.web.nginx_server_extra_config as NGINX does. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# NGINX's words: https://nginx.org/en/docs/dev/development_guide.html#http_configuration. A quote
# begins a word only where a word may begin, `${` is a variable's.
_TOKEN = re.compile(
    r"""\#[^\n]*|(?P<mark>[{};])|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'"""
    r"""|(?P<word>(?:\\.|\$\{|[^\s{};])+)""",
    re.DOTALL,
)


def statements(lines: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield the words of each directive in NGINX lines, without the directives inside blocks."""
    depth, words = 0, list[str]()
    for token in _TOKEN.finditer("\n".join(lines)):
        word = next((text for text in token.group("double", "single", "word") if text), None)
        if word is not None:
            words.append(word)
        elif token["mark"]:
            if words and depth == 0:
                yield tuple(words)
            words = []
            depth += {"{": 1, "}": -1, ";": 0}[token["mark"]]


def directives(lines: Iterable[str]) -> set[str]:
    """Return the names of the directives in NGINX lines, without those inside blocks."""
    return {words[0] for words in statements(lines)}


def header_names(lines: Iterable[str]) -> set[str]:
    """Return the lower-case names of the headers that NGINX lines add outside blocks."""
    return {
        words[1].lower() for words in statements(lines) if words[0] == "add_header" and words[1:]
    }


def includes(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns of the files that NGINX lines include outside blocks."""
    return tuple(words[1] for words in statements(lines) if words[0] == "include" and words[1:])
