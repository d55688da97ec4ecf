"""Merge the site's own gunicorn options, of omero.web.wsgi_args and of its file, with the bundle's.

The precedence is that of `omero web start`: an option of omero.web.wsgi_args, then the property,
then the configuration file. The bundle's defaults come last, and its hooks run after the site's.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..property_names import WSGI_ARGS
from ..state import gunicorn_options
from ..state.gunicorn_options import PROPERTIES, REFUSED

_GRACEFUL = "graceful_timeout"


def read(text: str | None) -> dict[str, Any]:
    """Return the options of a command line of gunicorn. Raises ValueError with every refusal.

    The environment's options, which gunicorn reads itself, are only checked.
    """
    refused = [
        *gunicorn_options.findings(text or ""),
        *gunicorn_options.findings(
            os.environ.get(gunicorn_options.ENVIRONMENT, ""), gunicorn_options.ENVIRONMENT
        ),
    ]
    if refused:
        raise ValueError("; ".join(map(str, refused)))
    return gunicorn_options.parse(text) if text else {}


def read_file(location: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of gunicorn's configuration file. Raises ValueError with every refusal.

    location: as gunicorn's option --config. properties: the settings that have properties.
    """
    from gunicorn.app.base import Application
    from gunicorn.config import make_settings

    if location.startswith("python:"):
        found = vars(importlib.import_module(location.removeprefix("python:")))
    else:
        path = location.removeprefix("file:")
        found = Application.get_config_from_filename(None, path)
    known = make_settings()
    settings = {name: found[name] for name in known.keys() & found.keys()}
    refused = [f"{name} {REFUSED[name]}" for name in sorted(settings.keys() & REFUSED.keys())]
    for name in sorted(settings.keys() & PROPERTIES.keys()):
        if settings[name] != properties.get(name):
            refused.append(f"{name}: the property has precedence; set {PROPERTIES[name]} instead")
    if _GRACEFUL in settings:
        refused.append(f"{_GRACEFUL}: set web_graceful_timeout in the inventory instead")
    if refused:
        raise ValueError(f"{WSGI_ARGS}: {location}: {'; '.join(refused)}")
    for name in settings.keys() - PROPERTIES.keys():
        known[name].set(settings[name])  # validates, and imports a hook that is a name
        if callable(known[name].get()) and isinstance(settings[name], str):
            settings[name] = known[name].get()
    return {name: value for name, value in settings.items() if name not in PROPERTIES}


def merge(own: Mapping[str, Any], site: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bundle's settings with the site's, which add to hooks and to the environment."""
    merged = {**own, **site}
    for name in own.keys() & site.keys():
        if callable(own[name]) and callable(site[name]):
            merged[name] = chain(site[name], own[name])
    merged["raw_env"] = [*own.get("raw_env", ()), *site.get("raw_env", ())]
    return merged


def chain(*hooks: Callable[..., Any]) -> Callable[..., None]:
    """Chain hooks, because gunicorn accepts only one.

    gunicorn counts the parameters, which may be fewer than its own in a site's post_request. The
    order matters: the last hook of a worker registers it as active.
    """
    counts = [len(inspect.signature(hook).parameters) for hook in hooks]

    def all_of_them(*subjects: Any) -> None:
        for hook, count in zip(hooks, counts, strict=True):
            hook(*subjects[:count])

    longest = hooks[counts.index(max(counts))]
    all_of_them.__signature__ = inspect.signature(longest)  # type: ignore[attr-defined]
    return all_of_them


def report(message: object) -> None:
    """Write a line to the service's log, before gunicorn has one."""
    print(message, file=sys.stderr, flush=True)
