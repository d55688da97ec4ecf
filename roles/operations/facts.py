"""What facts and operations of several roles share."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, TypeVar

from pyinfra import logger
from pyinfra.api import FactBase, FunctionCommand, Host, State

T = TypeVar("T")
FIRST_LINE = "omeroweb-ops: the output begins"


class HostFact(FactBase[T]):
    """A fact whose `process` gets what its own command prints, and nothing else.

    sshd runs a command by the login shell of the user, and Debian's bash reads ~/.bashrc then
    (bash(1), "remote shell daemon"): what that prints comes first. Without output the fact has its
    default, as pyinfra does it.
    """

    def __init__(self) -> None:
        command, process = self.command, self.process

        def marked(*arguments: Any, **named: Any) -> str:
            return f"echo '{FIRST_LINE}'\n{command(*arguments, **named)}"

        # pyinfra reads from it what a fact may be asked with
        marked.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]

        def process_own(output: list[str]) -> T:
            own = own_lines(output)
            return process(own) if own else self.default()

        self.command, self.process = marked, process_own  # type: ignore[method-assign]


def own_lines(output: list[str]) -> list[str]:
    """The lines of a `HostFact`'s own command; all, if there is no mark."""
    for number, line in enumerate(output, 1):
        if line.endswith(FIRST_LINE):  # after text without a line's end
            return output[number:]
    return output


class BooleanFact(HostFact[bool]):
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
