"""`web_plugins`: names of the catalogue, and plugins of a site's own; what is installed of each.

What is installed is what a lock says: the project's for the catalogue, a requirements file of the
site's own or a wheel, and before all of them the lock that web_requirements names.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from omeroweb_ops.state.plugin_catalogue import Plugin, catalogue
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from . import requirements_file
from .field_types import LocalWheel
from .lock_types import Lock

APP = Path(__file__).parents[2] / "app"
HOW_TO_LOCK = (
    "make it by uv pip compile --generate-hashes --constraint app/requirements.txt "
    "--no-emit-package zeroc-ice"
)


def _app(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", value):
        raise ValueError(f"{value!r} is no name of a Django app, like my_plugin")
    return value


class PluginDescription(BaseModel):
    """A plugin as an inventory describes it: its package, and what it adds to the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

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

    @property
    def is_known(self) -> bool:
        """Whether it is the catalogue's own."""
        return self.package in catalogue() and self == from_catalogue(self.package)

    @property
    def plugin(self) -> Plugin:
        if self.is_known:
            return catalogue()[self.package]
        return Plugin(self.package, self.app, self.set, self.append, self.remove)


def from_catalogue(value: object) -> object:
    """A name of the catalogue as a description; anything else as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    known = catalogue().get(value)
    if known is None:
        near = difflib.get_close_matches(value, catalogue(), n=1, cutoff=0.8)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(catalogue())}"
        raise ValueError(f"there is no {value} in the catalogue; {hint}")
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
    """What is installed of a plugin on top of a release's lock: a lock, a wheel, or both."""

    package: str
    lock: str
    wheel: Path | None = None

    @property
    def key(self) -> str:
        """Names all of its content."""
        content = self.wheel.read_bytes() if self.wheel else b""
        return hashlib.sha256(self.lock.encode() + b"\0" + content).hexdigest()


def additions(entries: Iterable[PluginDescription], own_lock: str | None) -> tuple[Addition, ...]:
    """In the order of web_plugins; nothing of a plugin whose package the site's own lock has.

    own_lock: the path that web_requirements names
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
    """Whether the lock of web_requirements decides about a plugin's package."""
    return canonicalize_name(each.package) in requirements_file.pins(text(own_lock))


def text(path: str | None) -> str:
    """A file's text; none without a file."""
    return Path(path).read_text(encoding="utf-8") if path else ""
