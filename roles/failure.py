"""How an operation fails."""

from __future__ import annotations

from pyinfra import host, logger
from pyinfra.api import FunctionCommand


def failed(message: str) -> FunctionCommand:
    """A command that says what is wrong and fails; an exception would print a traceback."""
    return FunctionCommand(_fail, (message,), {})


def _fail(message: str) -> bool:
    host.log_styled(message, fg="red", log_func=logger.error)
    return False
