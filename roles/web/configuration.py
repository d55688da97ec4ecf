"""OMERO.web's configuration, settled by the state engine on the host."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from ..failure import failed
from . import files


class Plan(FactBase[dict[str, Any]]):
    """What `omeroweb-ops config plan` says: changes and drift, secrets masked."""

    def command(self) -> str:
        return f"{files.OPS} config plan --json 2>&1; true"

    @staticmethod
    def default() -> dict[str, Any]:
        return {}

    def process(self, output: list[str]) -> dict[str, Any]:
        text = "\n".join(output)
        try:
            plan: dict[str, Any] = json.loads(text)
        except ValueError:
            return {"error": text}
        return plan


@operation()
def applied() -> Generator[PyinfraCommand, None, None]:
    """config.xml holds the desired state; one pass, and no write where nothing differs."""
    if not host.state.is_executing:  # the commands and the desired state may not be there yet
        return
    plan = host.get_fact(Plan)
    if "error" in plan:
        yield failed(f"the configuration cannot be applied:\n{plan['error']}")
        return
    for step in plan.get("changes", ()):
        host.log(f"{step['property']}: {_text(step['old'])} → {_text(step['new'])}")
    for name in plan.get("drift", ()):
        host.log(f"{name} was set by hand; it is kept")
    for name, items in plan.get("kept", {}).items():
        host.log(f"{name}: {items} were added by hand; they are kept")
    if plan.get("changes"):
        yield StringCommand(files.OPS, "config", "apply")


def _text(value: str | None) -> str:
    return "(not set)" if value is None else value
