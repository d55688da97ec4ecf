"""Phases of a deploy, and the names under which their operations are shown."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from typing import ParamSpec

from pyinfra import host
from pyinfra.api import operation

P = ParamSpec("P")


@operation()
def barrier() -> Generator[str, None, None]:
    """Nothing is done: pyinfra runs an operation that all hosts share on all hosts at the same
    time, so what stands before it is finished everywhere before what stands after it begins."""
    yield from ()


def role(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Show a role's name before its operations' names, as pyinfra's `deploy` does (which hides
    the function's own parameters from the type checker)."""

    def decorate(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
            with host.deploy(name, None, None):
                function(*args, **kwargs)

        return wrapped

    return decorate
