"""Switch planned maintenance: `./run pyinfra -y inventory.py roles.nginx.maintenance.on`, `.off`.

The command that a deploy writes to the host (templates/omero-web-maintenance.j2) does the work,
because a host with only NGINX has no Python.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra import config, host
from pyinfra.api import DeployError, operation

from ..operations.facts import HostFact
from ..survey.fact import ask
from .maintenance_page import SCRIPT


def on(message: object = None, until: object = None, **unknown: object) -> None:
    """Show visitors the maintenance page until `off`.

    message: the text of the page. until: the expected end, see docs/maintenance.md. Raises
    DeployError for another argument.
    """
    if unknown:
        raise DeployError(f"{', '.join(unknown)}: not known; must be message=… or until=…")
    given = {"--message": message, "--until": until}
    _switch("on", *(f"{name}={value}" for name, value in given.items() if value is not None))


def off() -> None:
    """Show visitors OMERO.web again."""
    _switch("off")


def _switch(*arguments: str) -> None:
    """Run the command. Raises DeployError for a wrong argument before any host is changed."""
    if "nginx" not in host.groups:
        return
    config.SUDO = ask(host).privilege == "sudo"
    answer = host.get_fact(Trial, arguments=arguments)
    if answer not in ("same", "change"):
        raise DeployError(f"{host.name}: {answer}")
    switched(name=f"Planned maintenance: {arguments[0]}", arguments=arguments)


class Trial(HostFact[str]):
    """What the command would do: `change`, `same`, or an error message."""

    def command(self, arguments: tuple[str, ...]) -> str:
        return (
            f"if [ -x {SCRIPT} ]; then {SCRIPT} {shlex.join(arguments)} --dry-run 2>&1; "
            "else echo 'NGINX of this bundle is not deployed yet; deploy it first'; fi; true"
        )

    @staticmethod
    def default() -> str:
        return "no answer"

    def process(self, output: list[str]) -> str:
        return " ".join(output).removeprefix("omeroweb-ops maintenance: ")


@operation()
def switched(arguments: tuple[str, ...]) -> Generator[str, None, None]:
    """Switch planned maintenance on, with this message and end, or off.

    + arguments: the command's arguments
    """
    if host.get_fact(Trial, arguments=arguments) != "same":
        yield f"{SCRIPT} {shlex.join(arguments)}"
