"""Read the schema from the installed packages, and let their own functions read values.

`python -m omeroweb_ops.state.schema_introspection [APP …]` prints the schema. With `--refused` it
prints which values of OMERODIR's configuration are refused.

Importing `omeroweb.settings` creates a log directory and a secret key, so it is imported with a
scratch OMERODIR.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Any

from .. import tracebacks
from .settings_modules import Entry, SettingsModules, entries_of, package_of

# The mapping functions whose values the bundle can check itself, and the kinds of their properties.
_KINDS = {
    "builtins.str": "string",
    "builtins.int": "integer",
    "builtins.bool": "switch",
    "re.compile": "regex",
    "posixpath.normpath": "string",
    "omeroweb.parse_boolean": "boolean",
    "omeroweb.leave_none_unset_int": "integer",
    "omeroweb.str_slash": "base_url",
    "omeroweb.check_server_type": "choice",
    "omeroweb.check_session_engine": "choice",
}
_JSON = ("json.loads", "omeroweb.parse_paths")
_SHAPES = {"[": "list", "{": "object"}
# omeroweb.settings reads these outside its mappings, as omero.web.server_list's default host.
_HOSTS = ("omero.master.host", "Ice.Default.Host")


def read(
    report: Callable[[str], object], apps: Sequence[str] = (), middleware: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the schema of the release and of apps as JSON data; `schema.Property` has its fields.

    report: called with each name before its import, and with "" after the last import, because an
    import may hang or end this Python. middleware: classes to import, too. The entry `broken` has
    each app and class that cannot be imported, with the reason.
    """
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["OMERODIR"] = scratch
        settings, modules, broken = _import(report, apps)
        if middleware:
            import django
            from django.utils.module_loading import import_string

            django.setup()
            broken |= dict(_failing(report, middleware, import_string))
        choices = {
            "omeroweb.check_server_type": settings.ALL_SERVER_TYPES,
            "omeroweb.check_session_engine": settings.SESSION_ENGINE_VALUES,
        }
        entries = {entry.name: entry for entry in [*modules.entries, *_own(settings)]}
        properties = [_describe(entry, choices, scratch) for entry in entries.values()]
    properties += [
        {"name": name, "kind": "string", "default": None,
         "description": "Host of the OMERO.server that omero.web.server_list names by default."}
        for name in _HOSTS
    ]  # fmt: skip
    return {
        "omero-web": version("omero-web"),
        "properties": sorted(properties, key=lambda entry: str(entry["name"])),
        **({"broken": broken} if broken else {}),
    }


def refused(report: Callable[[str], object], apps: Sequence[str]) -> list[dict[str, Any]]:
    """Return the values in OMERODIR's configuration that are refused, as data of `Refusal`.

    apps: the site's apps, which omero.web.apps of that configuration must not have.
    """
    _settings, modules, _broken = _import(report, apps)
    return [asdict(refusal) for refusal in modules.refusals]


def _import(
    report: Callable[[str], object], apps: Sequence[str]
) -> tuple[Any, SettingsModules, dict[str, str]]:
    """Import OMERO.web's settings and those of its own apps and of the site's apps.

    Return omeroweb.settings, what the apps define, and each app that cannot be imported, with the
    reason.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "omeroweb.settings"
    import omeroweb.settings as settings

    modules = SettingsModules(settings)
    broken = dict(_failing(report, apps, package_of))
    good = [app for app in apps if app not in broken]
    modules.install(good)
    for app in modules.own_apps:
        modules.read(app)
    return settings, modules, broken | dict(_failing(report, good, modules.read))


def _own(settings: Any) -> Iterator[Entry]:
    for name in ("INTERNAL_SETTINGS_MAPPING", "CUSTOM_SETTINGS_MAPPINGS"):
        yield from entries_of(getattr(settings, name))
    yield from entries_of(settings.DEVELOPMENT_SETTINGS_MAPPINGS)
    yield from entries_of(settings.DEPRECATED_SETTINGS_MAPPINGS, deprecated=True)


def _failing(
    report: Callable[[str], object], names: Iterable[str], act: Callable[[str], object]
) -> Iterator[tuple[str, str]]:
    for name in names:
        report(name)
        try:
            act(name)
        except BaseException as error:  # any error of an app's import, or sys.exit
            yield name, tracebacks.summarize(error)
    report("")


def _describe(entry: Entry, choices: Mapping[str, Any], scratch: str) -> dict[str, Any]:
    text = _text(entry.default)
    text = None if text is None else text.replace(scratch, "${OMERODIR}")
    reader = entry.reader
    kind = _kind(reader, text)
    if kind == "switch":
        text = "true" if entry.default else ""
    elif kind == "string" and type(entry.default) is int:
        kind = "integer"  # omero.mail.port has no mapping function of its own
    described: dict[str, Any] = {
        "name": entry.name,
        "kind": kind,
        "default": text,
        "description": entry.description or "",
    }
    if reader in choices:
        described["choices"] = list(choices[reader])
    if entry.deprecated:
        described["deprecated"] = True
    return described


def _kind(reader: str, default: str | None) -> str:
    shape = _SHAPES.get((default or "").lstrip()[:1])
    if reader in _JSON:
        return shape or "custom"  # JSON of any form
    if reader in _KINDS:
        return _KINDS[reader]
    return (shape or "string") if reader.startswith("omeroweb.") else "custom"


def _text(default: Any) -> str | None:
    """Return a default as `omero config set` would store it."""
    if default is None or isinstance(default, str):
        return default
    try:
        return json.dumps(default)
    except (TypeError, ValueError):
        return str(default)


def main() -> None:
    """Print each name before its import, then the result. Output of apps goes to standard error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("apps", nargs="*")
    parser.add_argument("--middleware", nargs="*", default=())
    parser.add_argument("--refused", action="store_true", help="print the values that are refused")
    options = parser.parse_args()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        report = partial(print, file=output, flush=True)
        found: dict[str, Any]
        if options.refused:
            found = {"refused": refused(report, options.apps)}
        else:
            found = read(report, options.apps, options.middleware)
        report(json.dumps(found, indent=1, ensure_ascii=False))
    os._exit(0)  # do not wait for threads that an app has started


if __name__ == "__main__":
    main()
