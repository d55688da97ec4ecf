"""omero.api.IConfig: the server's settings."""

from __future__ import annotations

import time
from typing import Any

import omero.api
from omero.rtypes import rtime

from tests.omero_stand_in.context import Context

# As an OMERO.server without settings of its own answers:
# https://omero.readthedocs.io/en/stable/sysadmins/config.html
CLIENT_DEFAULTS = {
    "omero.client.browser.thumb_default_size": "96",
    "omero.client.download_as.max_size": "144000000",
    "omero.client.icetransports": "ssl,tcp",
    "omero.client.scripts_to_ignore": "",
    "omero.client.ui.menu.dropdown.colleagues.enabled": "true",
    "omero.client.ui.menu.dropdown.colleagues.label": "Members",
    "omero.client.ui.menu.dropdown.everyone.enabled": "true",
    "omero.client.ui.menu.dropdown.everyone.label": "All Members",
    "omero.client.ui.menu.dropdown.leaders.enabled": "true",
    "omero.client.ui.menu.dropdown.leaders.label": "Owners",
    "omero.client.ui.tree.orphans.description": "Images of no dataset",
    "omero.client.ui.tree.orphans.enabled": "true",
    "omero.client.ui.tree.orphans.name": "Orphaned Images",
    "omero.client.ui.tree.type_order": "tagset,tag,project,dataset,screen,plate,acquisition,image",
    "omero.client.viewer.initial_zoom_level": "0",
    "omero.client.viewer.interpolate_pixels": "true",
    "omero.client.viewer.roi_limit": "2000",
    "omero.client.web.host": "",
}
DEFAULTS = {
    **CLIENT_DEFAULTS,
    "omero.mail.config": "false",
    "omero.pixeldata.max_plane_height": "3192",
    "omero.pixeldata.max_plane_width": "3192",
    "omero.upgrades.url": "",
}


class Config:
    """settings: instead of, or besides, what stands above."""

    interface = omero.api.IConfig

    def __init__(self, context: Context, settings: dict[str, str]) -> None:
        self.settings = {**DEFAULTS, **settings}

    def getVersion(self, current: Any) -> str:
        return self.settings["omero.version"]

    def getConfigValue(self, name: str, current: Any) -> str:
        return self.settings.get(name, "")

    def getConfigValues(self, pattern: str, current: Any) -> dict[str, str]:
        start = pattern.lstrip("^").rstrip(".*")
        return {name: value for name, value in self.settings.items() if name.startswith(start)}

    def getClientConfigValues(self, current: Any) -> dict[str, str]:
        return {name: self.settings[name] for name in CLIENT_DEFAULTS}

    def getClientConfigDefaults(self, current: Any) -> dict[str, str]:
        return CLIENT_DEFAULTS

    def getDatabaseUuid(self, current: Any) -> str:
        return "stand-in"

    def getServerTime(self, current: Any) -> Any:
        return rtime(int(time.time() * 1000))
