"""Read from an inventory which packages a site has, for its lock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from packaging.utils import canonicalize_name

from ..inventory import controller_path, requirements_file
from ..inventory.plugins import APP, PluginDescription, text
from ..inventory.settings import read

_TARGET = "requirements.txt"


@dataclass(frozen=True)
class SitePackages:
    """A site's packages.

    directory: the inventory's. own: the path of web_requirements, None if the site has none.
    plugins: of web_plugins on all hosts, each once.
    """

    directory: Path
    own: Path | None
    plugins: tuple[PluginDescription, ...]

    @classmethod
    def of(cls, inventory: str) -> SitePackages:
        """Read an inventory. Raises click.ClickException if it is not valid."""
        from pyinfra.api import State
        from pyinfra.context import ctx_state
        from pyinfra_cli.inventory import make_inventory

        directory = controller_path.directory(inventory)
        own: dict[Path | None, None] = {}
        plugins: dict[str, PluginDescription] = {}
        with ctx_state.use(State()):  # pyinfra notes there which file it executes
            hosts = [*make_inventory(inventory)]
        for host in hosts:
            data: dict[str, Any] = host.data.dict()
            settings, findings = read({"web_plugins": data.get("web_plugins", [])}, directory)
            if findings:
                raise click.ClickException("\n".join(f"{host.name}: {each}" for each in findings))
            plugins.update({each.package: each for each in settings.web_plugins})
            given = data.get("web_requirements")  # which may not exist yet
            if "web" in host.groups or inventory.startswith("@"):
                own[directory / Path(given).expanduser() if given else None] = None
        if len(own) > 1:
            raise click.ClickException(
                "the web hosts have several web_requirements; set the same for all of them"
            )
        return cls(directory, next(iter(own), None), tuple(plugins.values()))

    @property
    def lock_path(self) -> Path:
        """The lock that is written: web_requirements, or a file beside the inventory."""
        return self.own or self.directory / _TARGET

    @property
    def present(self) -> str:
        """The pins of what a deploy would install now."""
        if self.own and self.own.is_file():
            return text(str(self.own))
        locks = (each.requirements for each in self.plugins)
        return "\n".join(text(each) for each in (str(APP / _TARGET), *locks))

    @property
    def preferences(self) -> str:
        """Locks whose versions are kept if they fit: the present ones, or one not yet in use."""
        return text(str(self.lock_path)) if self.lock_path.is_file() else self.present

    def missing(self, requirements: str) -> list[str]:
        """Return the catalogue's plugins that the requirements do not name."""
        names = {*map(requirements_file.required, requirements.splitlines())}
        known = (each.package for each in self.plugins if each.is_known)
        return [name for name in known if canonicalize_name(name) not in names]
