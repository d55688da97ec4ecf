"""Remove what deploys have made on the hosts: `./run remove`, or as an operation of pyinfra.

`./run pyinfra -y inventory.py roles.remove.show` prints what would be removed, and
`roles.remove.remove` removes it. The inventory names the hosts; nothing else of it matters, so that
also a host whose settings are wrong, or whose part is on another host now, can be cleaned.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from datetime import datetime

from omeroweb_ops.locations import BASE
from pyinfra import host, state
from pyinfra.api import DeployError, FunctionCommand, operation

from .. import host_paths
from ..conventions import LOCATIONS, USER
from ..nginx import site_config
from ..operations import deploy_lock, packages, shell_file
from ..operations.facts import HostFact
from ..operations.privilege import printable, with_functions
from ..preflight import use_lock
from ..survey.existing_installation import MANAGED_MARKER
from ..web.builder import BUILDER

_SCRIPT = shell_file.read(__file__, "remove.sh")
# Where the data of this run is kept.
KEPT = f"{host_paths.BACKUPS}/removed-{datetime.now():%Y-%m-%d-%H%M%S}"
_CHOICES = {"data": ("keep", "remove"), "packages": ("remove", "keep")}


def command(action: str, **choices: str) -> str:
    """Return shell that runs remove.sh.

    action: `plan` or `remove`. choices: data and packages, each `keep` or `remove`.
    """
    return with_functions(
        shell_file.command(
            _SCRIPT,
            action,
            owned=" ".join(host_paths.OWNED),
            users=f"{USER} {BUILDER}",
            base=BASE,
            omerodir=LOCATIONS.omerodir,
            state=host_paths.STATE,
            stamps=host_paths.STAMPS,
            record=host_paths.PACKAGE_RECORD,
            defaults=host_paths.DEFAULTS,
            run=host_paths.RUN,
            backups=host_paths.BACKUPS,
            programs=host_paths.SUPERVISOR_PROGRAMS,
            nginx_site=host_paths.NGINX_SITE,
            nginx_tls=host_paths.NGINX_TLS,
            marker=MANAGED_MARKER,
            connections=site_config.CONNECTIONS,
            kept=KEPT,
            **{name: choices.get(name, values[0]) for name, values in _CHOICES.items()},
        )
    )


def show(descriptor: object = None, **choices: str) -> None:
    """Log what `remove` would do with the same arguments, and change nothing.

    descriptor: of a file of the process that has started pyinfra; it gets a line of JSON for each
    host instead.
    """
    _begin(choices)
    lines = _plan(choices)
    if descriptor is None:
        for line in lines:
            host.log(line)
    else:
        with open(int(str(descriptor)), "a", encoding="utf-8", closefd=False) as file:
            file.write(json.dumps([host.name, lines]) + "\n")
    deploy_lock.give_back(name="Unlock the host")


def remove(**choices: str) -> None:
    """Remove what deploys have made.

    choices: data="keep" (the default; it is moved to KEPT) or "remove"; packages="remove" (those
    that deploys have installed and nobody else needs; the default) or "keep". Raises DeployError
    for another argument, or if a host cannot be cleaned; nothing has been changed then.
    """
    shell = _begin(choices)
    plan = _plan(choices)
    refused = [line.removeprefix("refuse ") for line in plan if line.startswith("refuse ")]
    if refused:
        deploy_lock.of(state).give_back(host)
        raise DeployError(f"{host.name}: {'; '.join(refused)}; nothing has been changed")
    if any(line.startswith("remove ") for line in plan):
        removed(name="Remove OMERO.web", choices=choices, _shell_executable=shell)
    else:
        host.log("there is nothing to remove")
        deploy_lock.give_back(name="Unlock the host")


def _begin(choices: Mapping[str, str]) -> str:
    """Check the arguments and lock all hosts. Return the shell of the last command on a host."""
    for name, value in choices.items():
        if value not in _CHOICES.get(name, ()):
            known = "; ".join(f"{each}={' or '.join(of)}" for each, of in _CHOICES.items())
            raise DeployError(f"{name}={value} is not known; must be {known}")
    use_lock(state, host)
    return deploy_lock.of(state).shell(host, last=True)


def _plan(choices: Mapping[str, str]) -> list[str]:
    lines: list[str] = host.get_fact(Plan, text=command("plan", **choices))
    return [*map(printable, lines)]


class Plan(HostFact[list[str]]):
    """The lines that remove.sh prints about what it would do."""

    def command(self, text: str) -> str:
        return text

    @staticmethod
    def default() -> list[str]:
        return []

    def process(self, output: list[str]) -> list[str]:
        return output


@operation()
def removed(choices: Mapping[str, str]) -> Generator[FunctionCommand, None, None]:
    """Remove the bundle's parts.

    + choices: as of `remove`
    """
    if host.state.is_executing:
        yield packages.run_with_progress(command("remove", **choices))
