"""Answer 503 while the session store (Redis) is unavailable, so that nobody is logged out.

Django's cache sessions take an unreachable store for an ended session: visitors would be sent to
the login page and their cookie removed. Other errors would be a traceback for each request, in the
log and by mail. This guard changes only gunicorn's workers, around each request: OMERO.web's apps
and middleware stay as the site has them.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..state.derived import CACHE_ENGINE
from . import session_store_watch
from .session_store_watch import StoreWatch

# Seconds for which a store that has answered counts as available, because the answer would be a
# part of each page's time. Who is logged in gets 503 at once: loading the session fails.
PROBE_INTERVAL = 0.1
WATCHED_INTERVAL = 1.0  # the same for a store whose end is noticed at once: it may still hang
RETRY_AFTER_FAILURE = 1.0  # seconds for which a worker does not use a failed store
LOG_INTERVAL = 60.0  # seconds between two log lines of a worker
RETRY_AFTER = "10"  # seconds; NGINX's maintenance page has another value
# Addresses for monitoring, which check the session store themselves.
OPS = "/ops/"
_TEXT = b"OMERO.web cannot reach its session store. Please try again in a moment.\n"

Environ = dict[str, Any]
Failures = tuple[type[Exception], ...]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class SessionStoreUnavailable(BaseException):
    """The session store failed.

    Not an Exception, because views and middleware catch those and would continue without a session.
    """


class Guard:
    """A WSGI application that answers 503 to a request whose session store fails.

    probe: uses the store; raises SessionStoreUnavailable. It runs before a request, at most once in
    a PROBE_INTERVAL, because otherwise a visitor would see a login page where nobody can log in.
    watch: notices the end of the store. With a watch, the probe runs once in a WATCHED_INTERVAL.
    say: writes a log line, at most one in each LOG_INTERVAL.
    """

    def __init__(
        self,
        application: Application,
        probe: Callable[[], object],
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
        watch: StoreWatch | None = None,
    ) -> None:
        self._application, self._probe, self._say, self._clock = application, probe, say, clock
        self._watch = watch
        self._away_until = self._silent_until = self._answered_until = -math.inf
        self._reason = ""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            if not str(environ.get("PATH_INFO", "")).startswith(OPS):
                self._ask()
            return self._application(environ, start_response)
        except SessionStoreUnavailable as error:
            now, self._answered_until = self._clock(), -math.inf
            if now >= self._silent_until:
                self._silent_until = now + LOG_INTERVAL
                self._say(f"visitors get 503, because the session store fails: {error}")
            return unavailable(start_response, _TEXT)

    def _ask(self) -> None:
        now = self._clock()
        watch = self._watch
        if now < self._answered_until and (watch is None or watch.is_open()):
            return
        if now < self._away_until:
            raise SessionStoreUnavailable(self._reason)
        try:
            self._probe()
        except SessionStoreUnavailable as error:
            self._away_until, self._reason = self._clock() + RETRY_AFTER_FAILURE, str(error)
            raise
        if watch:
            watch.begin()
        self._answered_until = now + (WATCHED_INTERVAL if watch else PROBE_INTERVAL)


def install(worker: Any) -> None:
    """post_worker_init hook. Install the guard, if sessions are in a cache."""
    from django.conf import settings

    if settings.SESSION_ENGINE != CACHE_ENGINE:
        return
    from django.contrib.sessions.backends.cache import SessionStore
    from django.core.cache import caches

    failures = _failures()
    guard_store(SessionStore, failures)
    probe = translate_errors(
        lambda: caches[settings.SESSION_CACHE_ALIAS].get("omeroweb-ops"), failures
    )
    watch = session_store_watch.of_cache(settings.SESSION_CACHE_ALIAS)
    worker.wsgi = Guard(worker.wsgi, probe, log, watch=watch)


def _failures() -> Failures:
    """Return the store's errors, which django-redis passes on, also those of a full Redis."""
    try:
        from redis import RedisError
    except ImportError:  # a site's own lock without redis
        return (OSError,)
    return (RedisError, OSError)


def guard_store(store: Any, failures: Failures) -> None:
    """Make a class of Django's cache sessions raise SessionStoreUnavailable if the cache fails."""
    store.load = _load
    for name in ("exists", "save", "delete", "load"):
        setattr(store, name, translate_errors(getattr(store, name), failures))


def translate_errors(method: Callable[..., Any], failures: Failures) -> Callable[..., Any]:
    """Return the function, with SessionStoreUnavailable instead of these errors."""

    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except failures as error:
            raise SessionStoreUnavailable(
                " ".join(str(error).split()) or type(error).__name__
            ) from error

    return wrapped


def _load(store: Any) -> Any:
    """Load a session as django/contrib/sessions/backends/cache.py does, without hiding errors."""
    data = store._cache.get(store.cache_key)
    if data is None:
        store._session_key = None
        return {}
    return data


def unavailable(start_response: Callable[..., Any], text: bytes) -> Iterable[bytes]:
    """Answer 503, as a WSGI application does."""
    start_response(
        "503 Service Unavailable",
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(text))),
            ("Retry-After", RETRY_AFTER),
            ("Cache-Control", "no-store"),
        ],
        sys.exc_info() if sys.exc_info()[0] else None,
    )
    return [text]


def log(line: str) -> None:
    """Write a line to the service's log."""
    print(f"omeroweb-ops: {line}", file=sys.stderr, flush=True)
