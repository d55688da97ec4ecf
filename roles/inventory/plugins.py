"""Read `web_plugins`: names of the catalogue and plugins of the site's own.

The versions come from web_requirements first, then from the plugin's own requirements or wheel,
then from the catalogue's lock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from omeroweb_ops.property_names import NGINX_SERVER_EXTRA_CONFIG
from omeroweb_ops.state.plugin_catalogue import Plugin, catalogue, lookup
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from . import requirements_file
from .field_types import LocalWheel
from .lock_types import Lock
from .model import Model

APP = Path(__file__).parents[2] / "app"
HOW_TO_LOCK = (
    "make it with uv pip compile --generate-hashes --constraint app/requirements.txt "
    "--no-emit-package zeroc-ice"
)


def _app(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", value):
        raise ValueError(f"{value!r} is not the name of a Django app, like my_plugin")
    return value


class PluginDescription(Model):
    """A plugin as an inventory describes it: its package, and what it adds to the configuration."""

    package: str = Field(description='its name, for example "package": "my-plugin"')
    app: Annotated[str, AfterValidator(_app)] = Field(
        description='the Django app that it brings, for example "app": "my_plugin"'
    )
    version: str | None = Field(None, description='for example "version": "1.0", or leave it out')
    requirements: Lock | None = Field(
        None,
        description=f"the path of a file of pins; {HOW_TO_LOCK}",
    )
    wheel: LocalWheel | None = Field(
        None, description="the path of a wheel like my_plugin-1.0-py3-none-any.whl"
    )
    set: Mapping[str, JsonValue] = Field(
        {}, description='"set": {property: value}, for example {"omero.web.page_size": 100}'
    )
    append: Mapping[str, Sequence[JsonValue]] = Field(
        {},
        description='"append": {property: [items]}, '
        'for example {"omero.web.ui.top_links": [["Ours", "ours_index"]]}',
    )
    remove: Mapping[str, Sequence[JsonValue]] = Field(
        {},
        description='"remove": {property: [items]}, '
        'for example {"omero.web.ui.top_links": ["Help"]}',
    )
    nginx: Sequence[str] = Field(
        (),
        description='lines of NGINX\'s server block, for example "nginx": '
        '["location /ours/ {", "proxy_pass http://127.0.0.1:8000;", "}"]',
    )

    @property
    def is_known(self) -> bool:
        """Whether the description is the catalogue's own."""
        return self.package in catalogue() and self == from_catalogue(self.package)

    @property
    def plugin(self) -> Plugin:
        if self.is_known:
            return catalogue()[self.package]
        return Plugin(self.package, self.app, self.set, self._appended(), self.remove)

    def _appended(self) -> Mapping[str, Sequence[JsonValue]]:
        if not self.nginx:
            return self.append
        lines = [*self.append.get(NGINX_SERVER_EXTRA_CONFIG, ()), *self.nginx]
        return {**self.append, NGINX_SERVER_EXTRA_CONFIG: lines}


def from_catalogue(value: object) -> object:
    """Return the description of a catalogue's name, any other value as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    known = lookup(value)
    return PluginDescription(
        package=known.package,
        app=known.app,
        requirements=str(APP / "plugin_locks" / f"{known.package}.txt"),
        set=known.set,
        append=known.append,
        remove=known.remove,
    )


WebPlugin = Annotated[PluginDescription, BeforeValidator(from_catalogue)]


@dataclass(frozen=True)
class Addition:
    """What a plugin installs on top of the release's lock: a lock, a wheel, or both."""

    package: str
    lock: str
    wheel: Path | None = None

    @property
    def key(self) -> str:
        """The digest of the whole content."""
        content = self.wheel.read_bytes() if self.wheel else b""
        return hashlib.sha256(self.lock.encode() + b"\0" + content).hexdigest()


def additions(entries: Iterable[PluginDescription], own_lock: str | None) -> tuple[Addition, ...]:
    """Return what each plugin installs, in the order of web_plugins.

    A plugin whose package the site's own lock has is left out. own_lock: web_requirements' path.
    """
    return tuple(
        Addition(
            canonicalize_name(each.package),
            text(each.requirements),
            Path(each.wheel) if each.wheel else None,
        )
        for each in entries
        if (each.requirements or each.wheel) and not in_own_lock(each, own_lock)
    )


def in_own_lock(each: PluginDescription, own_lock: str | None) -> bool:
    """Return whether the lock of web_requirements has the plugin's package."""
    return canonicalize_name(each.package) in requirements_file.pins(text(own_lock))


def text(path: str | None) -> str:
    """Return a file's text, '' without a path."""
    return Path(path).read_text(encoding="utf-8") if path else ""
