"""gunicorn's hooks for a zero-downtime reload: a successor takes over from its predecessor.

The master loads OMERO.web and forks its workers. That saves memory and time, but HUP would not read
code and settings again. USR2 starts a successor beside the running master
(https://gunicorn.org/signals/, "Upgrading to a new binary on the fly"), which inherits the
listening sockets. These hooks add three things. The successor runs the active release's gunicorn.
It binds a changed address while the predecessor still answers. As soon as one of its workers has
rendered the login page, it becomes systemd's main process and ends the predecessor.
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from ..locations import CURRENT
from ..login_page import LOGIN, host_header, view_path
from ..processes import PARENT, stat

WARM_UP_TIMEOUT = 30.0  # seconds for the first login page of a successor's worker
BOOT_ERROR = 3  # a worker's exit status that ends its master (gunicorn.arbiter.Arbiter)
SD_LISTEN_FDS_START = 3  # sd_listen_fds(3): the first socket that systemd passes


def on_starting_preload(server: Any) -> None:
    """on_starting hook. Load what workers share before they are forked, and bind the sockets."""
    if server.cfg.preload_app:
        # Otherwise each worker would import the views with its first page, while a visitor waits.
        from django.urls import resolve

        resolve(LOGIN)
        gc.collect()
        gc.freeze()  # a collection in a worker would copy every page of memory
    _listen(server)


def _listen(server: Any) -> None:
    """Use the sockets of systemd or of the predecessor, and bind our own address.

    gunicorn itself binds nothing if it gets a socket. NGINX uses systemd's Unix socket; the address
    of OMERO.web's properties is bound in addition.
    """
    from gunicorn import sock, systemd

    count = systemd.listen_fds()
    inherited = [*range(SD_LISTEN_FDS_START, SD_LISTEN_FDS_START + count)] or _numbers(
        os.environ.pop("GUNICORN_FD", "")
    )
    given = sock.create_sockets(server.cfg, server.log, inherited) if inherited else []
    wanted = [_addresses(host, port) for host, port in server.cfg.address]
    kept = [each for each in given if _is_path(each) or _is_wanted(each, wanted)]
    bound = {each.getsockname()[:2] for each in kept if not _is_path(each)}
    if any(bound.isdisjoint(addresses) for addresses in wanted):
        ports = {port for addresses in wanted for _, port in addresses}
        shared = [each for each in given if not _is_path(each) and each.getsockname()[1] in ports]
        for each in shared:  # the predecessor's, which it closes later
            each.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.cfg.set("reuse_port", bool(shared))
        kept += sock.create_sockets(server.cfg, server.log)
        server.cfg.set("reuse_port", False)  # otherwise each worker would bind sockets of its own
    for each in given:
        if each not in kept:
            each.close()
    server.LISTENERS = kept
    server.systemd = any(map(_is_path, kept))  # gunicorn must not remove systemd's socket


def _is_wanted(listener: Any, wanted: list[set[tuple[str, int]]]) -> bool:
    """Return whether an inherited socket has a wanted address, or a part of a wildcard address."""
    own = listener.getsockname()[:2]
    everywhere = {("0.0.0.0", own[1]), ("::", own[1])}
    return any(own in addresses or addresses & everywhere for addresses in wanted)


def _addresses(host: str, port: int) -> set[tuple[str, int]]:
    """Return the addresses that a socket of gunicorn may have that is bound to a host and port.

    A host may be a name, and an IPv6 address may have several spellings. If a name has no address
    now, the host itself is returned: a socket that is bound to the name's former address closes.
    """
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)
    except OSError:
        return {(host, port)}
    return {(str(address[0]), int(address[1])) for *_, address in found}


def when_ready_notify(server: Any) -> None:
    """when_ready hook. Store the predecessor, or report to systemd that the master is ready.

    gunicorn's own master_pid is cleared, because gunicorn would refuse another hand-over while the
    predecessor ends its last requests.
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
    """The master that has started this master, until it is ended.

    pid: 0 if there is none. retired: a byte that workers share with their master; not 0 after the
    predecessor got SIGTERM. end: the latest end of its last requests (time.monotonic).
    """

    pid = 0
    retired = mmap.mmap(-1, 1)
    end = 0.0


def _takes_over() -> bool:
    return bool(Predecessor.pid) and int(stat(os.getppid())[PARENT]) == Predecessor.pid


def warm_up(worker: Any) -> None:
    """post_worker_init hook. During a hand-over, render the login page before accepting requests.

    On an error, or after WARM_UP_TIMEOUT, exit with BOOT_ERROR: the successor ends and the
    predecessor keeps running. Raises the page's errors.
    """
    if not _takes_over():
        return
    timer = threading.Timer(WARM_UP_TIMEOUT, os._exit, [BOOT_ERROR])
    timer.daemon = True
    timer.start()
    try:
        status = _page(worker.wsgi, os.environ.get("SCRIPT_NAME", ""))
    finally:
        timer.cancel()
    if status == 500:
        raise RuntimeError("the login page answers 500")


def _page(application: Any, prefix: str) -> int:
    """Return the status of the login page, without a network."""
    from django.conf import settings

    environ: dict[str, Any] = {
        "SCRIPT_NAME": prefix,
        "PATH_INFO": view_path(),
        "HTTP_HOST": host_header(settings.ALLOWED_HOSTS),
        "HTTP_X_FORWARDED_PROTO": "https",
    }
    setup_testing_defaults(environ)
    found = []
    response = application(environ, lambda status, *_: found.append(int(status[:3])))
    response.close()
    return found[0]


def retire_predecessor(log: Any) -> None:
    """Make a ready worker's master systemd's main process, and end the predecessor gracefully."""
    if _takes_over():
        _lead(os.getppid(), log)
        os.kill(Predecessor.pid, signal.SIGTERM)
        Predecessor.retired[0] = 1


def on_exit_wait_for_predecessor(_server: Any) -> None:
    """on_exit hook. Wait at most graceful_timeout for the predecessor's last requests.

    systemd kills the whole cgroup when the main process exits.
    """
    while Predecessor.retired[0] and time.monotonic() < Predecessor.end:
        if not Path("/proc", str(Predecessor.pid)).exists():
            break
        time.sleep(0.05)


def pre_exec_current_release(server: Any) -> None:
    """pre_exec hook, in the process that becomes the successor. Run the active release's gunicorn.

    The sockets are passed by their numbers, not as systemd's.
    """
    program = str(CURRENT / "bin" / "gunicorn")
    server.START_CTX[0] = program
    server.START_CTX["args"] = [program, *server.START_CTX["args"][2:]]
    server.systemd = False


def _is_path(listener: Any) -> bool:
    return isinstance(listener.getsockname(), str)


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]
