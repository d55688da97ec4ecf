"""Remove the expired session files of a directory, in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from ..processes import end_with_parent
from .expired import expired
from .store import Store, start_django

_EVERY = 2.0  # seconds between two lines of progress


@dataclass
class Count:
    """Numbers of session files. unreadable: the kept files that Django cannot read."""

    removed: int = 0
    kept: int = 0
    unreadable: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.removed + other.removed,
            self.kept + other.kept,
            self.unreadable + other.unreadable,
        )


def clear(store: Store, shares: int) -> Count:
    """Remove expired session files. Raises OSError if the directory cannot be read."""
    if shares == 1:
        return _clear_share(store, 1, 0)
    context = multiprocessing.get_context("fork")
    parent = (os.getpid(),)
    with ProcessPoolExecutor(shares, context, _begin_share, parent) as pool:
        try:
            return sum(pool.map(partial(_clear_share, store, shares), range(shares)), Count())
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _begin_share(parent: int) -> None:
    """End a process with its parent, because it has inherited the command's lock."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends all of them
    end_with_parent(parent, signal.SIGKILL)


def _clear_share(store: Store, shares: int, share: int) -> Count:
    """Clear the files of one share, which their names' last letter decides."""
    count, progress = Count(), _Progress(share, shares)
    folder = os.open(store.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if store.is_session(name) and ord(name[-1]) % shares == share:
                    _clear_file(store, folder, name, count)
                    progress.show(count)
    finally:
        os.close(folder)
    return count


def _clear_file(store: Store, folder: int, name: str, count: Count) -> None:
    try:
        # opening a pipe must not wait
        file = os.open(name, os.O_RDONLY | os.O_NONBLOCK, dir_fd=folder)
    except OSError:  # removed, or another user's
        return
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return
        content = os.read(file, status.st_size)
    finally:
        os.close(file)
    ended = expired(content, status.st_mtime, time.time(), store.age)
    if ended is None:
        _ask_django(store, folder, name, count)
        return
    if ended:
        try:
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError:  # another user's, in a shared directory
            ended = False
    count.removed += ended
    count.kept += not ended


def _ask_django(store: Store, folder: int, name: str, count: Count) -> None:
    start_django()
    from django.contrib.sessions.backends.file import SessionStore

    session = SessionStore(name.removeprefix(store.prefix))
    session.create = lambda: None  # as in clear_expired: an expired session gets no successor
    try:
        session.load()
    except Exception:  # for example an invalid date, at which Django's own command ends
        count.unreadable += 1
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        count.kept += 1
    except FileNotFoundError:
        count.removed += 1


class _Progress:
    """Prints the progress on a terminal. The first share represents all shares."""

    def __init__(self, share: int, shares: int) -> None:
        self._shown = share == 0 and sys.stdout.isatty()
        self._shares = shares
        self._next = time.monotonic() + _EVERY

    def show(self, count: Count) -> None:
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            removed, kept = count.removed * self._shares, count.kept * self._shares
            print(f"... about {removed} removed, {kept} kept", flush=True)
