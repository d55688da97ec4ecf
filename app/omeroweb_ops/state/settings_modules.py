"""Read the properties that the settings modules of apps define, as OMERO.web itself does.

An app passes a mapping to `omeroweb.settings.process_custom_settings`, which raises ValueError at
the first value that the app's own function refuses, also at a default value: a property may be
required (omero-signup). `SettingsModules` takes the place of that function, so that it learns all
properties of an app, and which values are refused, from one import.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import tracebacks

_PROCESS = "process_custom_settings"
_MAPPINGS = ("SETTINGS_MAPPING", "SETTINGS_MAPPINGS")
_NAME = re.compile(r"""["'](omero\.web\.[\w.-]*\w)["']""")
_TESTS = {"test", "tests", "testlib"}
# A file that has none of these does not read properties, so names in it are something else.
_READERS = (_PROCESS, "CUSTOM_SETTINGS", "SETTINGS_MAPPING", "ConfigXml")


@dataclass(frozen=True)
class Entry:
    """A property in a mapping: [name of the Django setting, default, function, description].

    function: turns the stored text, or the default, into the setting's value; None if unknown.
    """

    name: str
    default: Any = None
    function: Callable[[Any], Any] | None = None
    description: str | None = None
    deprecated: bool = False

    @property
    def reader(self) -> str:
        """The full name of the function; functions of any module of OMERO.web are `omeroweb.…`."""
        name = getattr(self.function, "__qualname__", "") or type(self.function).__name__
        package = str(getattr(self.function, "__module__", None) or "")
        top = package.partition(".")[0]
        return f"{top if top == 'omeroweb' else package}.{name}"


@dataclass(frozen=True)
class Refusal:
    """A value that a property's own function refuses.

    reader: the function. is_set: whether the value is set, or the default, which is refused if a
    property is required.
    """

    name: str
    reason: str
    reader: str
    is_set: bool


def entries_of(mapping: Any, *, deprecated: bool = False) -> Iterator[Entry]:
    """Yield the properties of a mapping; none if it is not one."""
    for name, entry in mapping.items() if isinstance(mapping, Mapping) else ():
        if isinstance(entry, (list, tuple)) and len(entry) >= 4:
            _variable, default, function, description = entry[:4]
            yield Entry(str(name), default, function, description, deprecated)


class SettingsModules:
    """The settings modules of apps. Replaces the function in `omeroweb.settings` that reads them.

    own_apps: the apps that are a part of OMERO.web, such as its JSON API.

    settings: the module `omeroweb.settings`, imported with a configuration without apps, because
    OMERO.web's import of an app's `settings` would raise.
    """

    def __init__(self, settings: Any) -> None:
        self.entries: list[Entry] = []
        self.refusals: list[Refusal] = []
        self._settings = settings
        self._custom: Mapping[str, str] = getattr(settings, "CUSTOM_SETTINGS", {})
        self._unset: Any = getattr(settings, "LeaveUnset", ())
        self._installed: Sequence[str] = getattr(settings, "INSTALLED_APPS", ())
        self.own_apps = [app for app in self._installed if app.startswith("omeroweb.")]
        setattr(settings, _PROCESS, self._process)

    def install(self, apps: Iterable[str]) -> None:
        """Make these the site's apps for Django. They can be imported."""
        self._settings.INSTALLED_APPS = (*self._installed, *map(package_of, apps))

    def read(self, app: str) -> None:
        """Import an app's `settings`, and modules like `iviewer_settings`.

        OMERO.web itself imports the former, an app's own views import the latter. Raises any error
        of the former, unless the error follows from values that are not set yet.
        """
        package = package_of(app)
        names = [*_modules(package)]
        for name in names:
            known = len(self.entries)
            try:
                importlib.import_module(name)
                if name == f"{app}.settings":
                    self._process(sys.modules[name])
            except BaseException:
                if name == f"{app}.settings" and len(self.entries) == known:
                    raise
        for name in names:
            for variable, mapping in [*vars(sys.modules.get(name, object)).items()]:
                if variable.endswith(_MAPPINGS):
                    self._add(entries_of(mapping))
        if app not in self.own_apps:
            self._add(map(Entry, {*_names(package)}))

    def _add(self, entries: Iterable[Entry]) -> None:
        known = {entry.name for entry in self.entries}
        self.entries += [entry for entry in entries if entry.name not in known]

    def _process(
        self, module: Any, settings: str = "CUSTOM_SETTINGS_MAPPINGS", deprecated: str | None = None
    ) -> None:
        """Read mappings as `omeroweb.settings` does; a refused value becomes the setting itself."""
        self._add(entries_of(getattr(module, deprecated or "", None), deprecated=True))
        mapping = getattr(module, settings, {})
        self._add(entries_of(mapping))
        for name, entry in mapping.items():
            if len(entry) == 5:  # read already
                continue
            variable, default, function, _description = entry
            is_set = name in self._custom
            value = self._custom[name] if is_set else default
            entry.append(not is_set)
            try:
                value = function(value)
            except self._unset:
                continue
            except Exception as error:
                reader = Entry(name, default, function).reader
                self.refusals.append(Refusal(name, _reason(error), reader, is_set))
            setattr(module, variable, value)


def package_of(app: str) -> str:
    """Import an app as `omeroweb.settings` does, from omeroweb, else by its own name.

    Returns the package's name. Raises any error of the import.
    """
    try:
        return importlib.import_module(f"omeroweb.{app}").__name__
    except ImportError:
        return importlib.import_module(app).__name__


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else tracebacks.summarize(error)


def _folders(package: str) -> list[Path]:
    return [Path(each) for each in getattr(sys.modules.get(package), "__path__", [])]


def _modules(package: str) -> Iterator[str]:
    """Yield the settings modules of a package and its subpackages; its `settings` comes first."""
    found = [
        path.relative_to(folder).with_suffix("").parts
        for folder in _folders(package)
        for path in sorted(folder.rglob("*settings.py"))
    ]
    for parts in sorted(found, key=lambda parts: parts != ("settings",)):
        if not _TESTS & {*parts} and all(part.isidentifier() for part in parts):
            yield ".".join([package, *parts])


def _names(package: str) -> Iterator[str]:
    """Yield the names of properties in those sources of a package that read properties."""
    for folder in _folders(package):
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text(encoding="utf-8", errors="replace")
            if not _TESTS & {*path.relative_to(folder).parts} and any(map(text.count, _READERS)):
                yield from _NAME.findall(text)
