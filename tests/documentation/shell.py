"""Split the shell of a block into its simple commands."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from collections.abc import Iterator

_PUNCTUATION = ";&|()<>"
_KEYWORDS = {
    "!",
    "do",
    "done",
    "elif",
    "else",
    "esac",
    "fi",
    "if",
    "then",
    "time",
    "while",
    "{",
    "}",
}
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?(.*?)\n(.*?)^\s*\1$", re.M | re.S)
_SUBSTITUTION = re.compile(r"<\(([^()]*)\)")
_ASSIGNMENT = re.compile(r"\w+=")


def syntax_error(text: str) -> str:
    """Return what bash says about the syntax of a script, or nothing."""
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return done.stderr.strip()


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command, without assignments, keywords and redirections."""
    text = _HEREDOC.sub(r"\2", text).replace("\\\n", " ")
    for inner in _SUBSTITUTION.findall(text):
        yield from commands(inner)
    text = _SUBSTITUTION.sub("FILE", text)
    for line in text.splitlines():
        yield from _of_line(line)


def _of_line(line: str) -> Iterator[list[str]]:
    tokens = _tokens(re.sub(r"(^|\s\s)\s*#\s.*", "", line))
    for is_end, group in itertools.groupby(tokens, key=_ends_a_command):
        words = [] if is_end else _words([*group])
        if words:
            yield words


def _tokens(line: str) -> Iterator[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_PUNCTUATION)
    lexer.whitespace_split, lexer.commenters = True, ""
    for token in lexer:
        if token.startswith("#"):
            return
        yield token


def _ends_a_command(token: str) -> bool:
    return bool(token) and set(token) <= set(_PUNCTUATION) and not re.fullmatch("[<>]+&?", token)


def _words(tokens: list[str]) -> list[str]:
    words: list[str] = []
    redirection = False
    for token in tokens:
        if redirection:
            redirection = False
        elif re.fullmatch("[<>]+&?", token):
            redirection = True
            if words and re.fullmatch("[012]", words[-1]):
                words.pop()
        else:
            words.append(token)
    while words and (words[0] in _KEYWORDS or _ASSIGNMENT.match(words[0])):
        words.pop(0)
    return [] if words[:1] in (["for"], ["case"], ["export"]) else words
