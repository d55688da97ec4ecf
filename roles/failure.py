"""How an operation fails."""

from __future__ import annotations

from pyinfra import logger
from pyinfra.api import FunctionCommand, Host, State


def failed(message: str) -> FunctionCommand:
    """A command that says what is wrong and fails; an exception would print a traceback."""
    return FunctionCommand(_fail, (message,), {})


def _fail(state: State, host: Host, message: str) -> bool:
    """pyinfra heeds what a function returns only where it takes `state` and `host`."""
    host.log_styled(message, fg="red", log_func=logger.error)
    return False
