"""One host of a site: its groups, its settings, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass

from omeroweb_ops.property_names import APPS
from omeroweb_ops.shared.front_door import FrontDoor
from omeroweb_ops.state.plugin_catalogue import Plugin

from .settings import Settings


@dataclass(frozen=True)
class Member:
    """One host of the site.

    connector_address: the address by which pyinfra reaches the host; None for a local one.
    """

    name: str
    groups: frozenset[str]
    settings: Settings
    connector_address: str | None

    @property
    def address(self) -> str | None:
        """Return the address by which other hosts reach this host."""
        return self.settings.address or self.connector_address

    @property
    def server_names(self) -> list[str]:
        """Return NGINX's names as the inventory has them; none if no name is set."""
        return (self.settings.nginx_server_name or "").split()

    @property
    def front_door(self) -> FrontDoor:
        """Return what visitors use of this NGINX."""
        settings, proxy = self.settings, self.settings.nginx_behind_proxy
        return FrontDoor(
            tuple(self.server_names),
            has_tls=settings.nginx_tls != "off",
            https_port=settings.nginx_https_port,
            proxy_tls=None if proxy is None else proxy.tls,
        )

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Return the plugins of the catalogue that web_plugins names."""
        return tuple(each.plugin for each in self.settings.web_plugins)

    @property
    def has_unknown_properties(self) -> bool:
        """Return whether the host alone knows all properties.

        It does if the site has apps or requirements of its own: their properties are not in the
        schema of the locked release.
        """
        settings = self.settings
        apps = {APPS} & {*settings.web_config, *settings.web_config_append}
        own = any(plugin.properties is None for plugin in self.plugins)
        return bool(settings.web_requirements or apps or own)
