"""Compute gunicorn's settings from OMERO.web's properties.

They are computed at each start and each reload, so that a changed property needs no other file.
Each property means the same as for `omero web start` (omero/plugins/web.py, _build_run_cmd).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from ..locations import Locations
from ..ops.middleware import OpsHooks
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
from ..shared import cgroup
from ..shared.addresses import is_ipv6, url_host, with_mapped
from ..state.engine import Engine
from . import (
    handover,
    heartbeat,
    login_path,
    omero_server_guard,
    post_fork,
    session_store_guard,
    site_options,
    sizing,
    static_cache_guard,
)
from .site_options import chain
from .worker_memory import recycle_above
from .worker_registry import WorkerRegistry

# The visitor's address from NGINX, no query (it may have a password), NGINX's request ID, time.
ACCESS_LOG = '%({x-forwarded-for}i)s "%(m)s %(U)s" %(s)s %(B)s %({x-request-id}i)s %(M)sms'
_GTHREAD = "gunicorn.workers.gthread.ThreadWorker"
_LOCAL = "127.0.0.1,::1"  # gunicorn's default of forwarded_allow_ips
WORKER_CLASS = "omeroweb_ops.gunicorn.thread_worker.ThreadWorker"


def settings(
    *, preload: bool = True, graceful_timeout: int = 30, worker_memory: int = 0
) -> dict[str, Any]:
    """Return gunicorn's settings by name.

    preload: the master loads OMERO.web, and USR2 reloads it with a hand-over; otherwise each worker
    loads it, and HUP reloads it, as on hosts without systemd that an older bundle has deployed.
    graceful_timeout: seconds that running requests may still take.
    worker_memory: bytes above which a worker is replaced; 0 means no limit.
    """
    engine = Engine(Locations.from_environment())
    watching = OpsHooks(engine.locations, engine.digest())

    def number(name: str) -> int:
        return int(engine.effective(name) or 0)

    given = _options(engine, preload=preload)
    bind = bind_host(str(engine.effective(HOST)))
    workers = WorkerRegistry(engine.locations.workers, engine.identity())
    found: dict[str, Any] = {
        "bind": f"{url_host(bind)}:{number(PORT)}",
        "workers": number(WSGI_WORKERS)
        if WSGI_WORKERS in engine.current
        else sizing.workers(cgroup.cores(), cgroup.memory()),
        "graceful_timeout": graceful_timeout,
        "timeout": number(WSGI_TIMEOUT),
        "max_requests": number(APPLICATION_SERVER_MAX_REQUESTS),
        "worker_tmp_dir": "/dev/shm",  # a slow disk must not look like a hung worker
        "control_socket_disable": True,  # unused, and it needs a writable home
        "on_starting": chain(watching.start, workers.clear),
        "when_ready": heartbeat.to_file(engine.locations.heartbeat),
        "post_fork": chain(post_fork.end_if_stopped, post_fork.end_with_master),
        "post_worker_init": chain(
            static_cache_guard.wait_for_static_files,
            handover.warm_up,
            session_store_guard.install,
            omero_server_guard.install,
            watching.begin,
            login_path.writer(engine.locations),
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
    found |= _workers(engine, given, number)
    if preload:
        # gevent and the like must be loaded before the modules that they patch, and gunicorn's
        # reloader watches what a worker has loaded
        can_preload = found["worker_class"] in ("sync", WORKER_CLASS)
        found["preload_app"] = can_preload and not given.get("reload")
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
    location = given.pop("config", None)
    if location:
        found = site_options.merge(found, _file(location, found, preload=preload))
    if not preload and given.pop("preload_app", None):
        site_options.report(
            f"{WSGI_ARGS}: --preload has no effect here: a reload would keep the loaded code"
        )
    found = site_options.merge(found, given)
    if is_ipv6(bind):
        trusted = found.get("forwarded_allow_ips") or os.environ.get("FORWARDED_ALLOW_IPS", _LOCAL)
        found["forwarded_allow_ips"] = with_mapped(trusted)
    return found


def bind_host(host: str) -> str:
    """Return the address for gunicorn to bind, which looks names up as IPv4 only.

    A name that has no IPv4 address is replaced by its IPv6 address.
    """
    try:
        socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        pass
    else:
        return host
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET6, socket.SOCK_STREAM)
    except OSError:  # gunicorn reports it
        return host
    return str(found[0][4][0])


def _options(engine: Engine, *, preload: bool) -> dict[str, Any]:
    """Return the options of omero.web.wsgi_args. Raises ValueError if one is refused.

    With HUP, an exception would end the running master: the options are reported and not used.
    """
    try:
        return site_options.read(engine.effective(WSGI_ARGS))
    except ValueError as error:
        if preload:
            raise
        site_options.report(f"not used: {error}")
        return {}


def _file(location: str, found: dict[str, Any], *, preload: bool) -> dict[str, Any]:
    """Return the settings of the site's file; what `_options` says of HUP holds here, too."""
    try:
        return site_options.read_file(location, found)
    except (Exception, SystemExit) as error:  # the file is Python
        if preload:
            raise
        site_options.report(f"not used: {error}")
        return {}


def _workers(engine: Engine, given: dict[str, Any], number: Callable[[str], int]) -> dict[str, Any]:
    """Return class, threads and connections of the workers; what is given has precedence."""
    own_threads = "threads" in given or WSGI_THREADS in engine.current
    threads = given.pop("threads", None) or (
        number(WSGI_THREADS) if own_threads else sizing.threads(cgroup.cores(), cgroup.memory())
    )
    own_class = engine.effective(WSGI_WORKER_CLASS) if WSGI_WORKER_CLASS in engine.current else None
    named = str(given.pop("worker_class", None) or own_class or "gthread")
    is_sync = named == "sync" or named.endswith("SyncWorker")
    if is_sync and not own_threads:
        threads = 1
    found: dict[str, Any] = {"worker_class": named}
    if named in ("gthread", _GTHREAD) or (is_sync and threads > 1):  # as gunicorn does
        found = {"worker_class": WORKER_CLASS, "threads": threads}
    elif own_threads and not is_sync:
        found["threads"] = threads
    if not is_sync or threads > 1:
        found["worker_connections"] = number(WSGI_WORKER_CONNECTIONS)
    return found
