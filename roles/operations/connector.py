"""The arguments with which a connector runs an operation's commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra.api import Host
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS


def connector_arguments(host: Host) -> dict[str, Any]:
    """Return the sudo and shell arguments of the running operation's other commands."""
    given: Mapping[str, Any] = dict(host.current_op_global_arguments or {})
    return {key: given[key] for key in CONNECTOR_ARGUMENT_KEYS if key in given}
