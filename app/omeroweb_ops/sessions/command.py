"""`omeroweb-ops sessions clear`: remove expired sessions, as Django's `clearsessions` does."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import datetime

from ..shared import regular_file
from ..state.engine import Engine
from . import files, store

_LOG_SIZE = 100_000  # bytes; with one older file, several years of daily lines
_MAX_PROCESSES = 4  # more do not help, because a directory allows one change at a time


@dataclass(frozen=True)
class Result:
    """The result of a run. said: for people. removed, kept: None if only the store knows."""

    said: str
    removed: int | None = None
    kept: int | None = None
    failed: str | None = None


def clear(engine: Engine) -> int:
    """Clear expired sessions once, and return the exit status: 0 unless something failed.

    If another run is active, this run reports that and ends. Each run writes one line to
    var/log/clearsessions.log, and its result to `Locations.cleared`.
    """
    path = engine.locations.omerodir / "var" / "clearsessions.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return _say(engine, "nothing done: another clearsessions is running")
    began = time.monotonic()
    try:
        result = _clear(engine)
    except KeyboardInterrupt:
        _say(engine, "interrupted")
        raise
    except Exception as error:  # any error of Django: cron needs a status and a line
        reason = f"{type(error).__name__}: {error}"
        result = Result(f"failed: {reason}", failed=reason)
    finally:
        os.close(lock)
    status = _say(engine, result.said)
    kept = _keep(engine, result, time.monotonic() - began)
    return 1 if result.failed else status or kept


def _clear(engine: Engine) -> Result:
    found = store.find(engine)
    if found.in_cache:
        return Result("nothing to do: the cache (Redis) removes expired sessions itself")
    if not found.in_files:
        store.start_django()
        from django.core.management import call_command

        call_command("clearsessions")
        return Result("done")
    count = files.clear(found, min(len(os.sched_getaffinity(0)), _MAX_PROCESSES))
    said = f"done: {count.removed} expired sessions removed from {found.folder}, {count.kept} kept"
    if count.unreadable:
        said += f", {count.unreadable} of them unreadable"
    return Result(said, count.removed, count.kept)


def _say(engine: Engine, result: str) -> int:
    line = f"{datetime.now().astimezone().isoformat(timespec='seconds')} clearsessions {result}"
    print(f"Clearing expired sessions... {result}", flush=True)
    log = engine.locations.logs / "clearsessions.log"
    try:
        if log.exists() and log.stat().st_size > _LOG_SIZE:
            log.replace(log.with_name(f"{log.name}.1"))
        regular_file.append_text(log, f"{line}\n")
    except OSError as error:
        print(f"cannot write {log}: {error.strerror}; all else is as said", file=sys.stderr)
        return 1
    return 0


def _keep(engine: Engine, result: Result, seconds: float) -> int:
    kept = {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "removed": result.removed,
        "kept": result.kept,
        "seconds": round(seconds, 3),
        "failed": result.failed,
    }
    target = engine.locations.cleared
    try:  # without a sync, which would wait for all removals
        regular_file.replace(target, json.dumps(kept).encode(), sync=False)
    except OSError as error:
        print(f"cannot write {target}: {error.strerror}; all else is as said", file=sys.stderr)
        return 1
    return 0
