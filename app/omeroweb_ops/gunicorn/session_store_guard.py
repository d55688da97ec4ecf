"""While the session store (Redis) is away a visitor gets 503, and nobody is logged out.

Django's own cache sessions take a store that cannot be reached for a session that has ended: the
visitor would be sent to the login page and his cookie removed. Other failures would be a stack
trace for each request, in the log and by mail. What is done here is done in gunicorn's workers
alone, around each request: OMERO.web's apps and middleware stay as the site has them.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..state.derived import CACHE_ENGINE

RETRY_AFTER_FAILURE = 1.0  # seconds for which a worker does not ask a store that was away
LOG_INTERVAL = 60.0  # seconds between two lines in the log of one worker
RETRY_AFTER = "10"  # seconds; NGINX's page has its own
# For programs that look after OMERO.web itself; they tell of the store by their own means.
OPS = "/ops/"
_TEXT = b"OMERO.web cannot reach its session store. Please try again in a moment.\n"

Environ = dict[str, Any]
Failures = tuple[type[Exception], ...]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class SessionStoreUnavailable(BaseException):
    """The session store failed. No Exception: views and middleware catch those, and would go on
    as if there were no session."""


class Guard:
    """Around a WSGI application: a request whose store fails is answered with 503.

    probe: asks the store; raises SessionStoreUnavailable. It goes before each request, or a visitor
    would see a login page that lets nobody in. say: a line for the log, at most one in each
    LOG_INTERVAL.
    """

    def __init__(
        self,
        application: Application,
        probe: Callable[[], object],
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application, self._probe, self._say, self._clock = application, probe, say, clock
        self._away_until = self._silent_until = -math.inf
        self._reason = ""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            if not str(environ.get("PATH_INFO", "")).startswith(OPS):
                self._ask()
            return self._application(environ, start_response)
        except SessionStoreUnavailable as error:
            now = self._clock()
            if now >= self._silent_until:
                self._silent_until = now + LOG_INTERVAL
                self._say(f"a visitor gets 503, since the session store fails: {error}")
            return unavailable(start_response, _TEXT)

    def _ask(self) -> None:
        if self._clock() < self._away_until:
            raise SessionStoreUnavailable(self._reason)
        try:
            self._probe()
        except SessionStoreUnavailable as error:
            self._away_until, self._reason = self._clock() + RETRY_AFTER_FAILURE, str(error)
            raise


def install(worker: Any) -> None:
    """gunicorn's post_worker_init hook: nothing where sessions are not in a cache."""
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
    worker.wsgi = Guard(worker.wsgi, probe, log)


def _failures() -> Failures:
    """What the store raises: django-redis passes on the library's own errors, a full Redis' too."""
    try:
        from redis import RedisError
    except ImportError:  # a site's own lock, with another cache
        return (OSError,)
    return (RedisError, OSError)


def guard_store(store: Any, failures: Failures) -> None:
    """Let a class of Django's cache sessions raise SessionStoreUnavailable if the cache fails."""
    store.load = _load
    for name in ("exists", "save", "delete", "load"):
        setattr(store, name, translate_errors(getattr(store, name), failures))


def translate_errors(method: Callable[..., Any], failures: Failures) -> Callable[..., Any]:
    """The same function; a failure is SessionStoreUnavailable."""

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
    """As Django's own (django/contrib/sessions/backends/cache.py), which hides failures."""
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
    """A line of the service's log."""
    print(f"omeroweb-ops: {line}", file=sys.stderr, flush=True)
