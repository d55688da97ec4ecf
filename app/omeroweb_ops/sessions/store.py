"""Find OMERO.web's session store: from its properties if they are sufficient, else from Django."""

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
# Django's settings of the session store, and OMERO.web's properties for them.
_PROPERTIES = {
    "SESSION_ENGINE": SESSION_ENGINE,
    "SESSION_SERIALIZER": SESSION_SERIALIZER,
    "SESSION_COOKIE_NAME": SESSION_COOKIE_NAME,
    "SESSION_COOKIE_AGE": SESSION_COOKIE_AGE,
}
_FOLDER = "SESSION_FILE_PATH"  # OMERO.web has no property for it


@dataclass(frozen=True)
class Store:
    """A session store.

    engine, serializer: dotted names. prefix: of session files' names. age: seconds for which a
    session without its own expiry lives.
    """

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
        """Whether a file's name can be a session's. Django opens only such files."""
        return re.compile(re.escape(self.prefix) + "[a-z0-9]{8,}").fullmatch


def find(engine: Engine) -> Store:
    """Return the installation's session store. Raises Django's errors if Django must be started."""
    try:
        settings = _of_properties(engine)
    except (TypeError, ValueError):  # Django reports the error
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
    """Return Django's settings with OMERO.web's. This takes more than a second."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omeroweb.settings")
    import django
    from django.apps import apps
    from django.conf import settings

    if not apps.ready:  # a second setup would reset the logging
        django.setup()
    return settings


def _of_properties(engine: Engine) -> Mapping[str, Any] | None:
    """Return the settings from properties; None if Django's settings or an app may change them.

    The settings.py of an app can change omeroweb.settings; the locked apps have no such file.
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
