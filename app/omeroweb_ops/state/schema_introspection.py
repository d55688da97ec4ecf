"""Read the schema from the installed packages.

`python -m omeroweb_ops.state.schema_introspection [APP …]` prints it.

Importing `omeroweb.settings` creates a log directory and a secret key, so it is imported with a
scratch OMERODIR.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import pkgutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .. import tracebacks
from ..property_names import APPS
from . import config_xml

_KINDS = {
    "parse_boolean": "boolean",
    "int": "integer",
    "leave_none_unset_int": "integer",
    "bool": "switch",
    "compile": "regex",
    "check_server_type": "choice",
    "check_session_engine": "choice",
}
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
        os.environ["DJANGO_SETTINGS_MODULE"] = "omeroweb.settings"
        broken = dict(_failing(report, apps, _import_app))
        good = [app for app in apps if app not in broken]
        configuration = Path(scratch, "etc/grid/config.xml")
        configuration.parent.mkdir(parents=True)
        config_xml.write(configuration, {APPS: json.dumps(good)})
        import omeroweb.settings as settings

        if middleware:
            import django
            from django.utils.module_loading import import_string

            django.setup()
            broken |= dict(_failing(report, middleware, import_string))
        choices = {
            "check_server_type": settings.ALL_SERVER_TYPES,
            "check_session_engine": settings.SESSION_ENGINE_VALUES,
        }
        properties = [
            _describe(name, entry, choices, deprecated, scratch)
            for mapping, deprecated in [*_own(settings), *_of_apps(report, good)]
            for name, entry in mapping.items()
        ]
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


def _own(settings: Any) -> Iterable[tuple[dict[str, list[Any]], bool]]:
    return (
        (settings.INTERNAL_SETTINGS_MAPPING, False),
        (settings.CUSTOM_SETTINGS_MAPPINGS, False),
        (settings.DEVELOPMENT_SETTINGS_MAPPINGS, False),
        (settings.DEPRECATED_SETTINGS_MAPPINGS, True),
    )


def _of_apps(
    report: Callable[[str], object], apps: Iterable[str]
) -> Iterator[tuple[dict[str, list[Any]], bool]]:
    """Yield the mappings of each app's `settings`, and of modules like `iviewer_settings`.

    omeroweb.settings has imported the former; an app's own views import the latter. The trial finds
    errors in them.
    """
    for app in apps:
        folder = getattr(sys.modules.get(app), "__path__", [])
        modules = [found.name for found in pkgutil.iter_modules(folder, f"{app}.")]
        modules = [module for module in modules if module.endswith("settings")]
        broken = dict(_failing(report, modules, importlib.import_module))
        for module in modules:
            for name, mapping in vars(sys.modules[module]).items() if module not in broken else ():
                if name.endswith(("SETTINGS_MAPPING", "SETTINGS_MAPPINGS")):
                    yield mapping, False


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


def _import_app(app: str) -> None:
    """Import an app as omeroweb.settings does: from omeroweb, else by its own name."""
    try:
        importlib.import_module(f"omeroweb.{app}")
    except ImportError:
        importlib.import_module(app)
        if importlib.util.find_spec(f"{app}.settings"):
            importlib.import_module(f"{app}.settings")


def _describe(
    name: str, entry: list[Any], choices: dict[str, Any], deprecated: bool, scratch: str
) -> dict[str, Any]:
    _global_name, default, mapping, description = entry[:4]
    function = getattr(mapping, "__name__", "")
    text = None if default is None else str(default).replace(scratch, "${OMERODIR}")
    kind = _KINDS.get(function, "string")
    if kind == "switch":
        text = "true" if default else ""
    unknown = function not in (*_KINDS, "str")
    if function in ("loads", "parse_paths") or (unknown and str(default)[:1] in ("[", "{")):
        kind = "object" if str(default).startswith("{") else "list"
    elif function not in _KINDS and type(default) is int:
        kind = "integer"  # omero.mail.port has no mapping function of its own
    described: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "default": text,
        "description": description or "",
    }
    if function in choices:
        described["choices"] = list(choices[function])
    if deprecated:
        described["deprecated"] = True
    return described


def main() -> None:
    """Print each name before its import, then the schema. Output of apps goes to standard error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("apps", nargs="*")
    parser.add_argument("--middleware", nargs="*", default=())
    options = parser.parse_args()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        report = partial(print, file=output, flush=True)
        found = read(report, options.apps, options.middleware)
        report(json.dumps(found, indent=1, ensure_ascii=False))
    os._exit(0)  # do not wait for threads that an app has started


if __name__ == "__main__":
    main()
