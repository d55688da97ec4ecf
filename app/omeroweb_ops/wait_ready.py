"""Wait until OMERO.web answers on its own port."""

from __future__ import annotations

import http.client
import math
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import login_page
from .login_page import address, host_header
from .processes import PARENT, stat
from .property_names import ALLOWED_HOSTS
from .shared import regular_file
from .shared.addresses import url_host
from .state.engine import Engine

GRACE = 5.0  # seconds; a successor registers at once, its predecessor ends some time later
RETIREMENT = 10.0  # seconds; a worker that still has a file then has hung
_ONE_ANSWER = 10.0  # seconds for the single request of a limit of 0
_RETIRING = "previous workers still accept requests"


def wait(engine: Engine, limit: float, *, current: bool = False) -> str | None:
    """Wait at most `limit` seconds for the login page. Return None, or the last problem.

    current: also wait for a worker that has loaded the present release and configuration, unless
    the gunicorn that was to take over has ended; and then, for at most RETIREMENT seconds, until no
    previous worker accepts requests.
    """
    problem: str | None = None
    with alarm(limit or _ONE_ANSWER):
        try:
            for problem in _problems(engine, limit, current=current):
                if problem is None:
                    break
        except TimeoutError:
            problem = problem or f"it does not answer within {limit:g} s"
    return None if problem == _RETIRING else problem


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a block that takes longer, and again if it catches the error."""

    def late(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"not within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _problems(engine: Engine, limit: float, *, current: bool) -> Iterator[str | None]:
    """Yield the present problem, or None, again and again until the limit."""
    host, port, prefix = address(engine.effective)
    name = host_header(engine.value(ALLOWED_HOSTS))
    present = engine.identity()
    end = time.monotonic() + limit
    served = math.inf  # when the present state answered first
    ended = HandoverFailed()
    while True:
        page = prefix + login_page.path(engine.locations)
        problem = ask(host, port, page, name)
        if problem is None and current:
            if not serves(engine.locations.workers, present):
                problem = "no worker has loaded the present release and configuration"
            elif page != prefix + login_page.path(engine.locations):
                continue  # the first worker has just written the path
            elif takes_over(engine.locations.workers):
                problem = "a new gunicorn takes over and has no worker yet"
            elif previous_accepts(engine.locations.workers, present):
                served = min(served, time.monotonic())
                problem = _RETIRING
        yield problem
        if time.monotonic() >= min(end, served + RETIREMENT):
            return
        if current and problem != _RETIRING and ended():
            yield f"{problem}; the gunicorn that was to take over has ended"
            return
        time.sleep(0.1)


def serves(workers: Path, identity: str) -> bool:
    """Return whether a running worker has loaded this release and configuration."""
    return identity in accepting(workers).values()


def previous_accepts(workers: Path, identity: str) -> bool:
    """Return whether a previous worker accepts requests.

    Such a worker has another state, or a master from which a successor takes over, which may have
    the same state.
    """
    predecessors = {*_handovers()}
    return any(
        (note != identity or _parent(pid) in predecessors) and _is_gunicorn(pid)
        for pid, note in accepting(workers).items()
    )


def takes_over(workers: Path) -> bool:
    """Return whether a successor runs that has no worker yet."""
    masters = {_parent(pid) for pid in accepting(workers)}
    handovers = _handovers()
    return any(
        predecessor in masters and not masters & {*successors}
        for predecessor, successors in handovers.items()
    )


def accepting(workers: Path) -> dict[int, str | None]:
    """Return the files' texts of the running workers that accept requests, by process ID."""
    try:
        names = [path for path in workers.iterdir() if path.name.isdigit()]
    except OSError:  # not started yet
        return {}
    return {int(path.name): _note(path) for path in names if Path("/proc", path.name).exists()}


def _is_gunicorn(pid: int) -> bool:
    """Return whether a process is this user's gunicorn: any process ID may be in a file's name."""
    process = Path("/proc", str(pid))
    try:
        return process.stat().st_uid == os.geteuid() and b"gunicorn" in (
            process.joinpath("cmdline").read_bytes()
        )
    except OSError:
        return False


def _parent(pid: int) -> int | None:
    try:
        return int(stat(pid)[PARENT])
    except OSError:  # it has just ended
        return None


def _note(path: Path) -> str | None:
    """Return a worker's note; None if it has just ended, or if the file is not a worker's."""
    try:
        return regular_file.read_text(path, limit=200)
    except (OSError, UnicodeDecodeError):
        return None


def ask(host: str, port: int, path: str, name: str) -> str | None:
    """Request a page of the site `name`. Return None if it works, else the problem."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    return _ask(connection, f"http://{url_host(host)}:{port}{path}", path, name)


def listens(socket_path: Path) -> bool:
    """Return whether a process accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(socket_path)) == 0


def ask_socket(socket_path: Path, path: str, name: str, limit: float) -> str | None:
    """Request a page of a trial via a Unix socket, as `ask` does. limit: seconds for each step."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(max(limit, 0.1))
    try:
        connection.sock.connect(str(socket_path))
    except OSError as error:
        connection.close()
        return f"it does not take connections: {error}"
    return _ask(connection, "its login page", path, name)


def _ask(connection: http.client.HTTPConnection, what: str, path: str, name: str) -> str | None:
    try:
        # secure cookies and redirects depend on it if TLS ends in front of gunicorn
        connection.request("GET", path, headers={"Host": name, "X-Forwarded-Proto": "https"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{what} does not answer: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if login_page.works(status, path) else f"{what} answers {status}"


class HandoverFailed:
    """Finds out whether a gunicorn that was about to take over has ended instead.

    Each call checks again. After a success, the caller finds a worker with the present state within
    GRACE.
    """

    def __init__(self) -> None:
        self._last = math.inf  # when one was seen (time.monotonic)

    def __call__(self) -> bool:
        now = time.monotonic()
        if _is_under_way():
            self._last = now
        return now - self._last > GRACE


def _is_under_way() -> bool:
    """Return whether a gunicorn and the predecessor from which it takes over both run."""
    return bool(_handovers())


def _handovers() -> dict[int, list[int]]:
    """Return the process IDs of each predecessor's successor and of the successor's workers.

    The predecessor runs, too. The variable stays in /proc after a process has removed it.
    """
    found: dict[int, list[int]] = {}
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            _, is_set, after = environ.read_bytes().partition(b"GUNICORN_PID=")
        except OSError:  # of another user, or it has ended
            continue
        predecessor = after.partition(b"\0")[0]
        if is_set and predecessor.isdigit() and Path("/proc", predecessor.decode()).exists():
            found.setdefault(int(predecessor), []).append(int(environ.parent.name))
    return found
