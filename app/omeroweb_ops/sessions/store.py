"""Where OMERO.web's sessions are: from its properties where these say all, else from Django."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..property_names import (
    ADDITIONAL_SETTINGS,
    APPS,
    SESSION_COOKIE_AGE,
    SESSION_COOKIE_NAME,
    SESSION_ENGINE,
    SESSION_SERIALIZER,
)
from ..state.derived import CACHE_ENGINE, FILE_ENGINE, pairs_of
from ..state.engine import Engine
from ..state.schema_cache import LOCKED_APPS

FILE_ENGINES = (FILE_ENGINE, "omeroweb.filesessionstore")
JSON = "django.contrib.sessions.serializers.JSONSerializer"
# Django settings that say where sessions are and how long they live, and OMERO.web's property.
_PROPERTIES = {
    "SESSION_ENGINE": SESSION_ENGINE,
    "SESSION_SERIALIZER": SESSION_SERIALIZER,
    "SESSION_COOKIE_NAME": SESSION_COOKIE_NAME,
    "SESSION_COOKIE_AGE": SESSION_COOKIE_AGE,
}
_FOLDER = "SESSION_FILE_PATH"  # has no property


@dataclass(frozen=True)
class Store:
    """engine and serializer: dotted names. prefix: of a session file's name. age: seconds for which
    a session lives that has no expiry of its own."""

    engine: str
    serializer: str
    prefix: str
    age: int
    folder: Path

    @property
    def in_cache(self) -> bool:
        return self.engine == CACHE_ENGINE

    @property
    def in_files(self) -> bool:
        """Whether sessions are files of a form that this package reads."""
        return self.engine in FILE_ENGINES and self.serializer == JSON

    @cached_property
    def is_session(self) -> Callable[[str], object]:
        """Whether a file's name can be a session's: Django opens no other one."""
        return re.compile(re.escape(self.prefix) + "[a-z0-9]{8,}").fullmatch


def find(engine: Engine) -> Store:
    """The installation's store. Raises what Django raises where it has to be asked."""
    try:
        settings = _of_properties(engine)
    except (TypeError, ValueError):  # Django names what is wrong
        settings = None
    if settings is None:
        django = start_django()
        settings = {name: getattr(django, name) for name in (*_PROPERTIES, _FOLDER)}
    return Store(
        engine=settings["SESSION_ENGINE"],
        serializer=settings["SESSION_SERIALIZER"],
        prefix=settings["SESSION_COOKIE_NAME"],
        age=settings["SESSION_COOKIE_AGE"],
        folder=Path(settings[_FOLDER] or tempfile.gettempdir()),
    )


def start_django() -> Any:
    """Django's settings, with OMERO.web's own in them; takes more than a second."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omeroweb.settings")
    import django
    from django.apps import apps
    from django.conf import settings

    if not apps.ready:  # once more would set up its logging anew
        django.setup()
    return settings


def _of_properties(engine: Engine) -> Mapping[str, Any] | None:
    """None where something else has, or may have, a say: a setting of Django, an app of the site.

    omeroweb.settings lets the settings.py of an app change its own; the locked apps have none.
    """
    pairs = pairs_of(engine.effective(ADDITIONAL_SETTINGS))
    apps = json.loads(engine.effective(APPS) or "[]")
    if pairs is None or not set(apps) <= set(LOCKED_APPS):
        return None
    additional = dict(pairs)
    if additional.keys() & _PROPERTIES.keys():
        return None
    settings: dict[str, Any] = {name: engine.effective(key) for name, key in _PROPERTIES.items()}
    settings["SESSION_COOKIE_AGE"] = int(settings["SESSION_COOKIE_AGE"])
    if settings["SESSION_COOKIE_NAME"] is None:
        settings["SESSION_COOKIE_NAME"] = "sessionid"  # django/conf/global_settings.py
    return {**settings, _FOLDER: additional.get(_FOLDER)}
