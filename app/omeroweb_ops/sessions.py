"""Clear out expired sessions, as Django's `clearsessions` does."""

from __future__ import annotations

import fcntl
import os
import sys
from datetime import datetime
from pathlib import Path

from .state.derived import CACHE_ENGINE, ENGINE
from .state.engine import Engine

_LOG_SIZE = 100_000  # bytes; one older file is kept, together some years of daily lines


def clear(engine: Engine) -> int:
    """Clear expired sessions once; the exit status is 0 unless something went wrong.

    Never two at once: a second one says so and leaves. Each run leaves one line in
    var/log/clearsessions.log.
    """
    if engine.effective(ENGINE) == CACHE_ENGINE:
        return _finish(engine, "nothing to do: the cache (Redis) expires sessions by itself")
    lock = os.open(engine.locations.omerodir / "var" / "clearsessions.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _finish(engine, "nothing done: another clearsessions is running")
    try:
        return _finish(engine, _clear())
    except Exception as error:  # whatever Django meets: cron must see a status and a line
        _finish(engine, f"failed: {type(error).__name__}: {error}")
        return 1
    finally:
        os.close(lock)


def _clear() -> str:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omeroweb.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    folder = Path(settings.SESSION_FILE_PATH)
    of_files = settings.SESSION_ENGINE.endswith((".file", "filesessionstore"))
    before = _count(folder) if of_files else 0
    call_command("clearsessions")
    if not of_files:
        return "done"
    after = _count(folder)
    return f"done: {before - after} expired sessions removed from {folder}, {after} kept"


def _count(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(1 for entry in entries if entry.is_file())


def _finish(engine: Engine, result: str) -> int:
    line = f"{datetime.now().astimezone().isoformat(timespec='seconds')} clearsessions {result}"
    print(f"Clearing expired sessions... {result}", flush=True)
    log = engine.locations.logs / "clearsessions.log"
    try:
        if log.exists() and log.stat().st_size > _LOG_SIZE:
            log.replace(log.with_name(f"{log.name}.1"))
        with open(log, "a", encoding="utf-8") as file:
            print(line, file=file)
    except OSError as error:
        print(f"cannot write the log: {error}", file=sys.stderr)
        return 1
    return 0
