"""Read the values of variables that are named like settings of the inventory.

A list is JSON, or words with spaces or commas between them. An empty value is as good as unset.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from ..shared.finding import Finding

_Value = TypeVar("_Value")


class VariableReader:
    """Reads values and collects every error in `findings`. A wrong value is left out."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.findings: list[Finding] = []

    def has(self, name: str) -> bool:
        """Return whether a variable is there, even if it is empty."""
        return name in self._variables

    def refuse(self, name: str, message: str) -> None:
        """Collect an error."""
        self.findings.append(Finding(name, message))

    def text(self, name: str) -> str | None:
        """Return a variable's text, None without one."""
        return self._variables.get(name, "").strip() or None

    def secret(self, name: str) -> str | None:
        """Return a variable's text with its spaces, None without one."""
        return self._variables.get(name) or None

    def value(self, name: str, check: Callable[[str], _Value], hint: str = "") -> _Value | None:
        """Return the checked value of a variable, None without one.

        check: raises ValueError or OSError with the reason. hint: what the value must be.
        """
        return self._checked(name, self.text(name), check, hint)

    def choice(self, name: str, possible: Collection[str]) -> str | None:
        """Return the text of a variable that has one of a few values."""
        text = self.text(name)
        if text is None or text in possible:
            return text
        self.refuse(name, f"must be {' or '.join(possible)}")
        return None

    def boolean(self, name: str) -> bool:
        """Return whether a variable is true."""
        text = (self.text(name) or "false").lower()
        if text not in ("true", "false"):
            self.refuse(name, "must be true or false")
        return text == "true"

    def number(self, name: str, least: int, most: int) -> int | None:
        """Return a whole number, None without one."""

        def check(text: str) -> int:
            if not (text.isascii() and text.isdecimal() and least <= int(text[:20]) <= most):
                raise ValueError(f"must be a whole number from {least} to {most}, not {text!r}")
            return int(text)

        return self.value(name, check)

    def items(
        self, name: str, check: Callable[[str], _Value], hint: str = ""
    ) -> tuple[_Value, ...]:
        """Return the checked items of a list."""
        checked = [self._checked(name, word, check, hint) for word in self._words(name)]
        return tuple(value for value in checked if value is not None)

    def _words(self, name: str) -> tuple[str, ...]:
        return self.value(name, _words) or ()

    def _checked(
        self, name: str, text: str | None, check: Callable[[str], _Value], hint: str
    ) -> _Value | None:
        try:
            return None if text is None else check(text)
        except (OSError, ValueError) as error:
            self.refuse(name, f"{error}; must be {hint}" if hint else str(error))
            return None


def as_data(text: str) -> Any:
    """Return the data of JSON text, or of Python's, as messages show settings.

    Raises ValueError with the reason.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"is not JSON ({reason})") from None


def _words(text: str) -> tuple[str, ...]:
    words = as_data(text) if text.startswith("[") else text.replace(",", " ").split()
    if not all(isinstance(word, str) for word in words):
        raise ValueError('must be a list of texts, like ["a", "b"]')
    return tuple(words)
