"""`omeroweb-ops sessions flush`: remove every session, so that everybody logs in again."""

from __future__ import annotations

import os
import sys
from typing import Any

from ..state.engine import Engine
from . import store
from .store import Store

_QUESTION = "This ends the session of every visitor, and everybody must log in again. Continue?"
REFUSED = 2  # exit status: not asked for


def flush(engine: Engine, *, confirmed: bool) -> int:
    """Remove all sessions of OMERO.web, expired or not, and return the exit status.

    confirmed: do not ask. The sessions of the same users on OMERO.server end by their own timeout.
    Raises ValueError if the session engine keeps no sessions that can be removed.
    """
    if not confirmed and not _confirm():
        return REFUSED
    found = store.find(engine)
    in_files = found.engine in store.FILE_ENGINES  # whatever the serializer
    count = flush_files(found) if in_files else _flush_by_django(found)
    print(f"Flushing sessions... done: {count} sessions removed")
    return 0


def _confirm() -> bool:
    if not sys.stdin.isatty():
        print(
            "omeroweb-ops: nothing done: everybody would have to log in again; add --yes",
            file=sys.stderr,
        )
        return False
    if input(f"{_QUESTION} [y/N] ").strip().lower() in ("y", "yes"):
        return True
    print("Nothing done.")
    return False


def flush_files(store: Store) -> int:
    """Remove every session file of the directory. Other files and targets of links stay.

    Raises OSError if a file cannot be removed.
    """
    folder = os.open(store.folder, os.O_RDONLY | os.O_DIRECTORY)
    count = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if store.is_session(entry.name) and entry.is_file(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=folder)
                    count += 1
    finally:
        os.close(folder)
    return count


def _flush_by_django(found: Store) -> int:
    settings = store.start_django()
    if found.in_cache:
        return _flush_cache(settings.SESSION_CACHE_ALIAS)
    if found.engine in ("django.contrib.sessions.backends.db",
                        "django.contrib.sessions.backends.cached_db"):  # fmt: skip
        from django.contrib.sessions.models import Session

        if found.engine.endswith("cached_db"):
            _flush_cache(settings.SESSION_CACHE_ALIAS)
        count: int = Session.objects.all().delete()[0]
        return count
    raise ValueError(
        f"the session engine {found.engine} stores no sessions that could be removed; "
        "another omero.web.secret_key ends the sessions in signed cookies"
    )


def _flush_cache(alias: str) -> int:
    """Remove the sessions of a cache, and leave what else it has."""
    from django.contrib.sessions.backends.cache import KEY_PREFIX
    from django.core.cache import caches

    cache: Any = caches[alias]
    if not hasattr(cache, "delete_pattern"):
        raise ValueError(
            f"the cache {alias} cannot list sessions: it is not Redis by django-redis; clear it "
            "with the program that runs it"
        )
    count: int = cache.delete_pattern(f"{KEY_PREFIX}*", itersize=1000)
    return count
