"""One gunicorn takes over from another without a request lost: gunicorn's hooks for that.

OMERO.web is loaded in the master and its workers are forked from it: that saves memory and time,
but HUP would read no code and no settings again. USR2 starts another master beside the running one
(https://gunicorn.org/signals/, "Upgrading to a new binary on the fly"), which inherits the
listening sockets. What is different here: it is executed from the release that the link names now;
a changed address is bound while the old one still answers; once a worker of the new one has made
its login page the old master is told to end, and systemd which is the main process.
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from ..locations import CURRENT
from ..login_page import LOGIN, host_header
from ..processes import PARENT, stat

WARM_UP_TIMEOUT = 30.0  # seconds for the first login page of a worker that is going to take over
BOOT_ERROR = 3  # a worker's exit status that ends its master (gunicorn.arbiter.Arbiter)
SD_LISTEN_FDS_START = 3  # sd_listen_fds(3): the first socket that systemd passes


def on_starting_preload(server: Any) -> None:
    """gunicorn's on_starting hook: everything that workers share, before one is forked."""
    if server.cfg.preload_app:
        # Views are imported with the first page, by each worker, while a visitor waits.
        from django.urls import resolve

        resolve(LOGIN)
        gc.collect()
        gc.freeze()  # a collection in a worker would copy every page of memory
    _listen(server)


def _listen(server: Any) -> None:
    """The sockets of systemd and of the master before, and our own.

    gunicorn itself binds nothing where it was given a socket. NGINX comes by a Unix socket, which
    systemd holds; the address of OMERO.web's own properties is bound beside it.
    """
    from gunicorn import sock, systemd

    count = systemd.listen_fds()
    inherited = [*range(SD_LISTEN_FDS_START, SD_LISTEN_FDS_START + count)] or _numbers(
        os.environ.pop("GUNICORN_FD", "")
    )
    given = sock.create_sockets(server.cfg, server.log, inherited) if inherited else []
    wanted = set(server.cfg.address)
    kept = [each for each in given if _is_path(each) or each.getsockname()[:2] in wanted]
    for each in given:
        if each not in kept:
            each.close()
    bound = {each.getsockname()[:2] for each in kept if not _is_path(each)}
    if wanted - bound:
        kept += sock.create_sockets(server.cfg, server.log)
    server.LISTENERS = kept
    server.systemd = any(map(_is_path, kept))  # systemd removes its socket by itself


def when_ready_notify(server: Any) -> None:
    """gunicorn's when_ready hook.

    gunicorn would refuse another hand-over while the master before ends its last requests.
    """
    Predecessor.pid, server.master_pid = server.master_pid, 0
    Predecessor.end = time.monotonic() + server.cfg.graceful_timeout
    os.environ.pop("GUNICORN_PID", None)
    if not Predecessor.pid:
        _lead(os.getpid(), server.log)


def _lead(master: int, log: Any) -> None:
    from gunicorn import systemd

    systemd.sd_notify(f"MAINPID={master}\nREADY=1", log)


class Predecessor:
    """The master that has started this one, until it is told to end.

    pid: 0 where there is none. told: a byte that workers share with their master: not 0 once the
    one before was told. end: when its last requests are over at the latest (time.monotonic).
    """

    pid = 0
    told = mmap.mmap(-1, 1)
    end = 0.0


def _takes_over() -> bool:
    return bool(Predecessor.pid) and int(stat(os.getppid())[PARENT]) == Predecessor.pid


def warm_up(worker: Any) -> None:
    """In a worker that is going to take over, before anybody comes: its login page. A worker that
    fails here ends its master, and the one before serves on. Raises what the page raises."""
    if not _takes_over():
        return
    patience = threading.Timer(WARM_UP_TIMEOUT, os._exit, [BOOT_ERROR])
    patience.daemon = True
    patience.start()
    try:
        status = _page(worker.wsgi, os.environ.get("SCRIPT_NAME", ""))
    finally:
        patience.cancel()
    if status == 500:
        raise RuntimeError("the login page answers 500")


def _page(application: Any, prefix: str) -> int:
    """The status of the login page, without a network."""
    from django.conf import settings

    environ: dict[str, Any] = {
        "SCRIPT_NAME": prefix,
        "PATH_INFO": LOGIN,
        "HTTP_HOST": host_header(settings.ALLOWED_HOSTS),
        "HTTP_X_FORWARDED_PROTO": "https",
    }
    setup_testing_defaults(environ)
    found = []
    response = application(environ, lambda status, *_: found.append(int(status[:3])))
    response.close()
    return found[0]


def retire_predecessor(log: Any) -> None:
    """In a worker that can serve: its master is the main process now, and the one before may end;
    its workers finish what they have."""
    if _takes_over():
        _lead(os.getppid(), log)
        os.kill(Predecessor.pid, signal.SIGTERM)
        Predecessor.told[0] = 1


def on_exit_wait_for_predecessor(_server: Any) -> None:
    """gunicorn's on_exit hook: systemd kills what is left once the main process has ended, so it
    waits for the last requests of the master before."""
    while Predecessor.told[0] and time.monotonic() < Predecessor.end:
        if not Path("/proc", str(Predecessor.pid)).exists():
            break
        time.sleep(0.05)


def pre_exec_current_release(server: Any) -> None:
    """gunicorn's pre_exec hook, in the process that becomes the new master: another release may
    be linked, and sockets go by their numbers."""
    program = str(CURRENT / "bin" / "gunicorn")
    server.START_CTX[0] = program
    server.START_CTX["args"] = [program, *server.START_CTX["args"][2:]]
    server.systemd = False


def _is_path(listener: Any) -> bool:
    return isinstance(listener.getsockname(), str)


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]
