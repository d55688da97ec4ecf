"""Read where sessions are: in files of this container, or in a Redis.

WEB_SESSIONS=redis means the bundle's own Redis container, unless WEB_REDIS_URL names another Redis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..property_names import SESSION_ENGINE
from ..shared import setting_values
from ..shared.finding import Finding
from ..state.derived import CACHE_ENGINE, FILE_ENGINE
from ..state.desired import Desired
from . import keys
from .variable_reader import VariableReader

SESSIONS, URL = "WEB_SESSIONS", "WEB_REDIS_URL"
USER, PASSWORD = "REDIS_USER", "REDIS_PASSWORD"
NAMES = (SESSIONS, URL, USER, PASSWORD)
OWN_URL = "redis://redis:6379"  # of the service `redis` of compose.yaml
OWN_USER = "omero-web"
_ENGINES = {"redis": CACHE_ENGINE, "file": FILE_ENGINE}
_URL_HINT = (
    f'a Redis run by others, for example "rediss://redis.example.org:6379"; {USER} and {PASSWORD} '
    "are its login"
)


@dataclass(frozen=True)
class SessionStore:
    """A session store. chosen: WEB_SESSIONS. url: of Redis, None for files."""

    chosen: str | None = None
    url: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def read(reader: VariableReader) -> SessionStore:
    """Return the session store. May make the shared password (`keys`)."""
    chosen = reader.choice(SESSIONS, tuple(_ENGINES))
    if chosen == "file":
        return SessionStore(chosen)
    url = reader.value(URL, setting_values.redis_url, _URL_HINT)
    if url or reader.text(URL):
        return SessionStore(chosen, url, reader.text(USER), reader.secret(PASSWORD))
    if chosen is None:
        return SessionStore()
    if reader.text(USER):
        reader.refuse(USER, f"is for a Redis run by others; set {URL}, too")
    return SessionStore(chosen, OWN_URL, OWN_USER, _own_password(reader))


def _own_password(reader: VariableReader) -> str | None:
    password = reader.secret(PASSWORD)
    if password is None:
        try:
            password = keys.read(keys.REDIS_PASSWORD)
        except keys.Unusable as error:
            reader.refuse(PASSWORD, str(error))
        else:
            if password is None:
                reader.refuse(
                    PASSWORD,
                    f"is missing; set it, or mount a volume that Redis' container shares at "
                    f"{keys.KEYS}",
                )
    return password


def contradictions(store: SessionStore, explicit: Desired) -> Iterator[Finding]:
    """Find a property that contradicts WEB_SESSIONS, as `roles.inventory.checks` does."""
    engine = explicit.set.get(SESSION_ENGINE)
    if store.chosen and engine and engine != _ENGINES[store.chosen]:
        yield Finding(
            SESSIONS,
            f'"{store.chosen}" contradicts {SESSION_ENGINE} = {engine!r}; set only one of them',
        )
