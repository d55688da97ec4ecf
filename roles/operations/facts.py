"""What facts and operations of several roles share."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra import logger
from pyinfra.api import FactBase, FunctionCommand, Host, State


class BooleanFact(FactBase[bool]):
    """A fact whose command prints `yes` as its last line, or does not."""

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: list[str]) -> bool:
        return output[-1:] == ["yes"]


class SecretStdin:
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


def fail(message: str) -> FunctionCommand:
    """A command that says what is wrong and fails; an exception would print a traceback."""
    return FunctionCommand(_fail, (message,), {})


def _fail(state: State, host: Host, message: str) -> bool:
    """pyinfra heeds what a function returns only where it takes `state` and `host`."""
    host.log_styled(message, fg="red", log_func=logger.error)
    return False
