"""Compute gunicorn's settings from OMERO.web's properties.

They are computed at each start and each reload, so that a changed property needs no other file.
Each property means the same as for `omero web start` (omero/plugins/web.py, _build_run_cmd).
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import Any

from ..locations import Locations
from ..ops.middleware import OpsHooks
from ..processes import end_with_parent
from ..property_names import (
    APPLICATION_SERVER_MAX_REQUESTS,
    HOST,
    PORT,
    PREFIX,
    WSGI_ARGS,
    WSGI_THREADS,
    WSGI_TIMEOUT,
    WSGI_WORKER_CLASS,
    WSGI_WORKER_CONNECTIONS,
    WSGI_WORKERS,
)
from ..state.engine import Engine
from . import handover, heartbeat, omero_server_guard, session_store_guard, sizing
from .worker_memory import recycle_above
from .worker_registry import WorkerRegistry

# The visitor's address from NGINX, no query (it may have a password), NGINX's request ID, time.
ACCESS_LOG = '%({x-forwarded-for}i)s "%(m)s %(U)s" %(s)s %(B)s %({x-request-id}i)s %(M)sms'
WORKER_CLASS = "omeroweb_ops.gunicorn.thread_worker.ThreadWorker"


def settings(
    *, preload: bool = True, graceful_timeout: int = 30, worker_memory: int = 0
) -> dict[str, Any]:
    """Return gunicorn's settings by name.

    preload: the master loads OMERO.web, and USR2 reloads it with a hand-over; otherwise each worker
    loads it, and HUP reloads it. graceful_timeout: seconds that running requests may still take.
    worker_memory: bytes above which a worker is replaced; 0 means no limit.
    """
    engine = Engine(Locations.from_environment())
    watching = OpsHooks(engine.locations, engine.digest())

    def number(name: str) -> int:
        return int(engine.effective(name) or 0)

    workers = WorkerRegistry(engine.locations.workers, engine.identity())
    found: dict[str, Any] = {
        "bind": f"{engine.effective(HOST)}:{number(PORT)}",
        "workers": number(WSGI_WORKERS)
        if WSGI_WORKERS in engine.current
        else sizing.workers(sizing.cores(), sizing.memory()),
        "graceful_timeout": graceful_timeout,
        "timeout": number(WSGI_TIMEOUT),
        "max_requests": number(APPLICATION_SERVER_MAX_REQUESTS),
        "worker_tmp_dir": "/dev/shm",  # a slow disk must not look like a hung worker
        "control_socket_disable": True,  # unused, and it needs a writable home
        "on_starting": chain(watching.start, workers.clear),
        "when_ready": heartbeat.to_file(engine.locations.heartbeat),
        "post_fork": end_with_master,
        "post_worker_init": chain(
            handover.warm_up,
            session_store_guard.install,
            omero_server_guard.install,
            watching.begin,
            workers.begin,
        ),
        "child_exit": workers.end,
        "raw_env": [],
        "accesslog": "-",
        "access_log_format": ACCESS_LOG,
        # On a kept connection, the next request could go to a worker without a free thread.
        "keepalive": 0,
        "forwarder_headers": "",  # nobody may send SCRIPT_NAME and PATH_INFO
    }
    threads = (
        number(WSGI_THREADS)
        if WSGI_THREADS in engine.current
        else sizing.threads(sizing.cores(), sizing.memory())
    )
    named = (
        engine.effective(WSGI_WORKER_CLASS) if WSGI_WORKER_CLASS in engine.current else "gthread"
    )
    if named == "sync" and WSGI_THREADS not in engine.current:
        threads = 1
    if named == "gthread" or (named == "sync" and threads > 1):  # as gunicorn does
        found |= {"worker_class": WORKER_CLASS, "threads": threads}
    else:
        found["worker_class"] = named
    if named != "sync":
        found["worker_connections"] = number(WSGI_WORKER_CONNECTIONS)
    if preload:
        # gevent and the like must be loaded before the modules that they patch
        found["preload_app"] = found["worker_class"] in ("sync", WORKER_CLASS)
        found |= {
            "on_starting": chain(watching.start, workers.clear, handover.on_starting_preload),
            "when_ready": chain(handover.when_ready_notify, heartbeat.to_systemd),
            "pre_exec": handover.pre_exec_current_release,
            "on_exit": chain(handover.on_exit_wait_for_predecessor, heartbeat.end),
        }
    if worker_memory:
        found["post_request"] = recycle_above(worker_memory)
    prefix = engine.effective(PREFIX)
    if prefix:
        found["raw_env"].append(f"SCRIPT_NAME={prefix.rstrip('/')}")
    proxies = engine.locations.proxies
    if proxies.exists():  # else gunicorn's default: loopback, or FORWARDED_ALLOW_IPS
        addresses = ["127.0.0.1", "::1", *proxies.read_text("ascii").split()]
        found["forwarded_allow_ips"] = ",".join(addresses)
    arguments = _arguments(engine.effective(WSGI_ARGS))
    if not preload:
        arguments.pop("preload_app", None)  # HUP would keep the loaded code
    found.update(arguments)
    return found


def chain(*hooks: Callable[[Any], None]) -> Callable[[Any], None]:
    """Chain hooks, because gunicorn accepts only one.

    The order matters: the last hook of a worker registers it as active.
    """

    def all_of_them(subject: Any) -> None:
        for hook in hooks:
            hook(subject)

    return all_of_them


def end_with_master(_server: object, _worker: object) -> None:
    """End a worker when its master is killed.

    Otherwise it would use the port for up to half the worker timeout, and a new master could not
    bind. systemd ends such processes itself, supervisor does not.
    """
    end_with_parent()


def _arguments(text: str | None) -> dict[str, Any]:
    """Return the settings in `omero.web.wsgi_args`, a command line of gunicorn."""
    if not text:
        return {}
    from gunicorn.config import Config

    try:
        parsed = vars(Config().parser().parse_args(shlex.split(text)))
    except (SystemExit, ValueError) as error:  # a reload must not end the running master
        print(f"omero.web.wsgi_args ignored: {text!r} ({error})", file=sys.stderr, flush=True)
        return {}
    return {name: value for name, value in parsed.items() if value is not None and name != "args"}
