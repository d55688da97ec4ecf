"""Describe one host of a deploy: what follows from its settings and its survey together."""

from __future__ import annotations

from dataclasses import dataclass

from ..inventory.member import Member
from ..inventory.network import Network
from ..inventory.settings import Settings
from ..inventory.site import Site
from ..inventory.web_application import WebApplication
from ..survey import Survey


@dataclass(frozen=True)
class Target:
    """One host of a deploy: the site, the host's part of the site, and the host's survey."""

    site: Site
    member: Member
    survey: Survey

    @property
    def groups(self) -> frozenset[str]:
        """Return the host's roles: `redis`, `web` and `nginx`."""
        return self.member.groups

    @property
    def settings(self) -> Settings:
        """Return the host's settings."""
        return self.member.settings

    @property
    def manager(self) -> str:
        """Return the host's service manager: `systemd` or `supervisor`."""
        return self.survey.manager

    @property
    def web(self) -> Member:
        """Return the host itself if OMERO.web is on it, else the first web host."""
        return self.member if "web" in self.groups else self.site.group("web")[0]

    @property
    def application(self) -> WebApplication:
        """Return the OMERO.web of the host, or that of the first web host for NGINX alone."""
        return self.site.application(self.member)

    @property
    def network(self) -> Network:
        """Return the addresses that the host needs of the others."""
        return self.site.network(self.member)
