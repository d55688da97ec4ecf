"""One host of a deploy, and what follows from its settings and its survey together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..inventory.settings import Settings
from ..inventory.site import Member, Site
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
        """Return what runs services there: `systemd` or `supervisor`."""
        return self.survey.manager

    def effective(self, name: str) -> Any:
        """Return a property's text, or its list or dictionary, as set or by default."""
        return self.site.effective(self.member, name)

    def value(self, name: str) -> Any:
        """Return a property as Python data, as set or by default."""
        return self.site.value(self.member, name)
