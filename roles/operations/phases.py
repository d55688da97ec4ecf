"""Separate the phases of a deploy, and name the roles of operations in the output."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from typing import ParamSpec

from pyinfra import host
from pyinfra.api import operation

P = ParamSpec("P")


@operation()
def barrier() -> Generator[str, None, None]:
    """Wait until all hosts have reached this point, and do nothing else.

    pyinfra runs an operation that all hosts share on all hosts at once, so every earlier operation
    has ended on all hosts before a later one begins on any.
    """
    yield from ()


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
