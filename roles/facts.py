"""What facts of several roles share."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api import FactBase


class YesOrNo(FactBase[bool]):
    """A fact whose command prints `yes` as its last line, or does not."""

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: list[str]) -> bool:
        return output[-1:] == ["yes"]


class Unseen:
    """Text for a fact's standard input: pyinfra prints a fact's arguments, this one by its name."""

    def __init__(self, text: str) -> None:
        self._text = text

    def readlines(self) -> list[str]:
        """As pyinfra reads what it writes to a process."""
        return self._text.splitlines(keepends=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self.readlines())  # pyinfra looks whether it can be iterated over

    def __repr__(self) -> str:
        return "(not shown)"
