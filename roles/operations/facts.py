"""Base classes and helpers for facts and operations of several roles."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, TypeVar

from pyinfra import logger
from pyinfra.api import FactBase, FunctionCommand, Host, State

T = TypeVar("T")
FIRST_LINE = "omeroweb-ops: the output begins"


class HostFact(FactBase[T]):
    """A fact whose `process` gets only the output of its own command.

    sshd runs a command in the user's login shell, and Debian's bash then reads ~/.bashrc (bash(1),
    "remote shell daemon"), whose output comes first. Without own output the fact has its default,
    as in pyinfra.
    """

    def __init__(self) -> None:
        command, process = self.command, self.process

        def marked(*arguments: Any, **named: Any) -> str:
            return f"echo '{FIRST_LINE}'\n{command(*arguments, **named)}"

        # pyinfra reads the fact's parameters from the signature
        marked.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]

        def process_own(output: list[str]) -> T:
            own = own_lines(output)
            return process(own) if own else self.default()

        self.command, self.process = marked, process_own  # type: ignore[method-assign]


def own_lines(output: list[str]) -> list[str]:
    """Return the output lines of a `HostFact`'s own command; all lines if there is no marker."""
    for number, line in enumerate(output, 1):
        if line.endswith(FIRST_LINE):  # it may follow text without a newline
            return output[number:]
    return output


class BooleanFact(HostFact[bool]):
    """A fact that is true if the last line of its command's output is `yes`."""

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: list[str]) -> bool:
        return output[-1:] == ["yes"]


class Secret:
    """Text that pyinfra does not print with the arguments of an operation or a fact."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "(not shown)"


class SecretStdin(Secret):
    """Secret text for a fact's standard input."""

    def readlines(self) -> list[str]:
        """Return the lines, as pyinfra reads them to write them to a process."""
        return self.text.splitlines(keepends=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self.readlines())  # pyinfra accepts only an iterable


def fail(message: str) -> FunctionCommand:
    """Return a command that prints an error and fails; an exception would print a traceback."""
    return FunctionCommand(_fail, (message,), {})


def _fail(state: State, host: Host, message: str) -> bool:
    """Print an error and return False.\n
    pyinfra reads a function's result only if the function takes `state` and `host`.
    """
    host.log_styled(message, fg="red", log_func=logger.error)
    return False
