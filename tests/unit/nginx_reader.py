"""Reads nginx's configuration, enough to ask what a site does with a request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(r"""\s+|\#[^\n]*|(?P<mark>[{};])|"(?P<quoted>[^"]*)"|(?P<word>[^\s{};"]+)""")


@dataclass(frozen=True)
class Directive:
    """`name words…;` or `name words… { block }`."""

    name: str
    words: tuple[str, ...]
    block: tuple[Directive, ...] = field(default=())

    def all(self, name: str) -> list[Directive]:
        return [each for each in self.block if each.name == name]

    def values(self, name: str) -> list[str]:
        """The words of each directive of a name."""
        return [" ".join(each.words) for each in self.all(name)]

    def value(self, name: str) -> str:
        (value,) = self.values(name)
        return value


def parse(text: str) -> Directive:
    """The file as one directive without a name; ValueError where it is not well-formed."""
    tokens = _tokens(text)
    block = tuple(_block(tokens, outermost=True))
    return Directive("", (), block)


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"not nginx: {text[position : position + 40]!r}")
        position = match.end()
        token = match["mark"] or match["word"]
        if token or match["quoted"] is not None:
            yield token or match["quoted"]


def _block(tokens: Iterator[str], *, outermost: bool = False) -> Iterator[Directive]:
    words: list[str] = []
    for token in tokens:
        if token == "}" and not words and not outermost:
            return
        if token in (";", "{"):
            name, *rest = words
            yield Directive(name, tuple(rest), tuple(_block(tokens)) if token == "{" else ())
            words = []
        elif token == "}":
            raise ValueError(f"}} after {words}")
        else:
            words.append(token)
    if words or not outermost:
        raise ValueError(f"ends within {words}")


def location(server: Directive, path: str, way: str = "request") -> Directive | None:
    """The location that answers: the exact one, else that of the longest prefix.

    way: the value of $omero_web_way, by which a location may hand a request to another.
    """
    best: Directive | None = None
    for each in server.all("location"):
        if each.words == ("=", path):
            return each
        if len(each.words) == 1 and path.startswith(each.words[0]):
            best = max(best or each, each, key=lambda one: len(one.words[0]))
    for rewritten in best.values("rewrite") if best else []:
        _pattern, target, flag = rewritten.split()
        if flag == "last":
            return location(server, target.replace("$omero_web_way", way))
    return best


def mapped(config: Directive, variable: str, variables: dict[str, str]) -> str:
    """The value of a variable that `map` blocks make, from those of the request."""
    for each in config.all("map"):
        source, target = each.words
        if target == variable:
            value = variables.get(source, "")
            for entry in each.block:
                pattern = entry.name.removeprefix("~").removeprefix("*")
                flags = re.IGNORECASE if entry.name.startswith("~*") else 0
                matches = (
                    re.search(pattern, value, flags)
                    if entry.name.startswith("~")
                    else entry.name == value
                )
                if matches:
                    return _resolved(config, entry.words[0], variables)
            (default,) = (entry for entry in each.block if entry.name == "default")
            return _resolved(config, default.words[0], variables)
    raise ValueError(f"{variable} is made by no map")


def _resolved(config: Directive, value: str, variables: dict[str, str]) -> str:
    made = {each.words[1] for each in config.all("map")}
    return mapped(config, value, variables) if value in made else value
