"""Separate the phases of a deploy, and name the roles of operations in the output."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator
from functools import wraps
from typing import ParamSpec

from click import unstyle
from pyinfra import host, logger
from pyinfra.api import State, operation
from pyinfra.api.output import format_text

from . import run_context

P = ParamSpec("P")


def barrier(name: str) -> None:
    """Separate a phase from the phase before, on all hosts. Its name is a heading of the output."""
    _headings(host.state).names.add(name)
    _barrier(name=name)


@operation()
def _barrier() -> Generator[str, None, None]:
    """Wait until all hosts have reached this point, and do nothing else.

    pyinfra runs an operation that all hosts share on all hosts at once, so every earlier operation
    has ended on all hosts before a later one begins on any.
    """
    yield from ()


class _Headings(logging.Filter):
    """Turns pyinfra's lines about barriers into headings, also in its tables.

    pyinfra would print a barrier like an operation, with `No changes` for each host.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._is_heading = False
        self._barriers = 0  # that ended, on all hosts together

    def filter(self, record: logging.LogRecord) -> bool:
        text = unstyle(record.getMessage()).rstrip()
        started = re.fullmatch(r"--> Starting (?:serial )?operation: (.*)", text)
        if started:
            self._is_heading = started[1] in self.names
            if self._is_heading:
                _replace(record, format_text(f"--> {started[1]}", "blue", bold=True))
        elif self._is_heading and re.fullmatch(r"\[\S+\] +(No changes|Skipped)", text):
            self._barriers += text.endswith("No changes")
            return False
        elif (name := re.split(" {2,}", text)[0]) in self.names:  # a row of a table
            _replace(record, format_text(name, bold=True))
        elif name == "Grand total":
            _replace(record, self._total(text))
        return True

    def _total(self, text: str) -> str:
        """Return the last row without the barriers, which count as hosts and as `No Change`."""
        columns = re.split("( {2,})", text)
        for position in (2, -1):
            count = int(columns[position].replace("-", "0")) - self._barriers
            columns[position] = (str(count) if count else "-").ljust(len(columns[position]))
        return "".join(columns)


def _replace(record: logging.LogRecord, text: str) -> None:
    record.msg, record.args = text, ()


def _headings(state: State) -> _Headings:
    """Return the headings of a run of pyinfra."""
    context = run_context.of(state)
    found = context.get(_Headings)
    if found is None:
        found = _Headings()
        context.put(found)
        logger.addFilter(found)
    return found


def role(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Return a decorator that shows a role's name before the names of its operations.

    pyinfra's `deploy` does the same, but hides the function's parameters from the type checker.
    """

    def decorate(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
            with host.deploy(name, None, None):
                function(*args, **kwargs)

        return wrapped

    return decorate
