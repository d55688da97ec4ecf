"""Judge gunicorn's options in omero.web.wsgi_args and in the environment. Pure.

Each option of gunicorn works as with `omero web start`, or is refused with the reason. gunicorn's
own parser reads the options on a host; a controller has no gunicorn and finds only the exact
spellings of refused options.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from ..property_names import (
    APPLICATION_SERVER_MAX_REQUESTS,
    PREFIX,
    WSGI_ARGS,
    WSGI_THREADS,
    WSGI_TIMEOUT,
    WSGI_WORKER_CLASS,
    WSGI_WORKER_CONNECTIONS,
    WSGI_WORKERS,
)
from ..shared.finding import Finding

ENVIRONMENT = "GUNICORN_CMD_ARGS"  # gunicorn reads it, with `omero web start`, too

_BIND = (
    "makes gunicorn listen where NGINX does not connect; set omero.web.application_server.host and "
    ".port instead"
)
_FOREGROUND = "systemd or supervisor runs gunicorn in the foreground and as omero-web; remove it"
_EXITS = "makes gunicorn exit at once; remove it"
_TLS = "makes gunicorn speak TLS, and NGINX does not; set nginx_tls instead"
_HTTP = "is for HTTP/2, and NGINX speaks HTTP/1.1 to gunicorn and HTTP/2 to browsers; remove it"
_PROXY = "is for another protocol than HTTP, in which NGINX sends requests; remove it"
_DIRTY = "is for gunicorn's dirty workers, which OMERO.web does not use; remove it"
_CONTROL = "is for gunicorn's control socket, which is off; use systemctl or omero web restart"
_APPLICATION = "replaces OMERO.web by another application; remove it"

#: Why an option is refused, by gunicorn's name of the setting.
REFUSED: Mapping[str, str] = {
    "bind": _BIND,
    "reuse_port": "would not use the socket that systemd passes for NGINX; remove it",
    **dict.fromkeys(("daemon", "user", "group", "initgroups"), _FOREGROUND),
    "pidfile": "would stop the second reload without downtime; remove it, and use "
    "systemctl show -P MainPID omero-web",
    **dict.fromkeys(("check_config", "print_config"), _EXITS),
    **dict.fromkeys(
        ("keyfile", "certfile", "ssl_version", "cert_reqs", "ca_certs", "suppress_ragged_eofs"),
        _TLS,
    ),
    **dict.fromkeys(("do_handshake_on_connect", "ciphers", "ssl_context"), _TLS),
    **dict.fromkeys(
        (
            "http_protocols",
            "http2_cleartext",
            "http2_max_concurrent_streams",
            "http2_initial_window_size",
            "http2_max_frame_size",
            "http2_max_header_list_size",
        ),
        _HTTP,
    ),
    **dict.fromkeys(("proxy_protocol", "proxy_allow_ips", "protocol", "uwsgi_allow_ips"), _PROXY),
    **dict.fromkeys(
        (
            "dirty_apps",
            "dirty_workers",
            "dirty_timeout",
            "dirty_threads",
            "dirty_graceful_timeout",
            "on_dirty_starting",
            "dirty_post_fork",
            "dirty_worker_init",
            "dirty_worker_exit",
        ),
        _DIRTY,
    ),
    **dict.fromkeys(("control_socket", "control_socket_mode"), _CONTROL),
    **dict.fromkeys(("paste", "raw_paste_global_conf", "wsgi_app", "args"), _APPLICATION),
}
#: Settings that a property has, and `omero web start` passes as an option: a configuration file has
#: no effect on them.
PROPERTIES: Mapping[str, str] = {
    "workers": WSGI_WORKERS,
    "threads": WSGI_THREADS,
    "timeout": WSGI_TIMEOUT,
    "worker_class": WSGI_WORKER_CLASS,
    "worker_connections": WSGI_WORKER_CONNECTIONS,
    "max_requests": APPLICATION_SERVER_MAX_REQUESTS,
}
# gunicorn itself reads the environment, after the settings that the bundle computes from these.
_NOT_IN_ENVIRONMENT = ("config", "raw_env", "forwarded_allow_ips", "preload_app", "reload")
# The exact spellings of refused options that sites are likely to have, for a controller.
_SPELLINGS: Mapping[str, Sequence[str]] = {
    "bind": ("--bind", "-b"),
    "daemon": ("--daemon", "-D"),
    "user": ("--user", "-u"),
    "group": ("--group", "-g"),
    "pidfile": ("--pid", "-p"),
    "keyfile": ("--keyfile",),
    "certfile": ("--certfile",),
    "check_config": ("--check-config",),
    "print_config": ("--print-config",),
    "paste": ("--paste", "--paster"),
    "reuse_port": ("--reuse-port",),
    "proxy_protocol": ("--proxy-protocol",),
}


class Unreadable(ValueError):
    """gunicorn's parser does not accept the options; the text is its message."""


def parse(text: str) -> dict[str, Any]:
    """Return the given options by gunicorn's names of its settings, `args` included.

    Raises Unreadable, and ImportError without gunicorn.
    """
    from gunicorn.config import Config

    settings = Config()
    parser = settings.parser()

    def error(message: str) -> NoReturn:
        raise Unreadable(message)

    parser.error = error
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # of --help
            parsed = vars(parser.parse_args(shlex.split(text)))
        given = {name: value for name, value in parsed.items() if value not in (None, [])}
        for name, value in given.items():
            if name not in REFUSED:
                settings.set(name, value)
    except SystemExit:
        raise Unreadable("--help and --version make gunicorn exit at once") from None
    except Unreadable:
        raise
    except Exception as refusal:  # a validator of gunicorn: any error
        raise Unreadable(str(refusal)) from None
    return given


def findings(text: str, subject: str = WSGI_ARGS) -> Iterator[Finding]:
    """Yield why options are refused. subject: the property or the variable that has the text."""
    if not text.strip():
        return
    try:
        given = parse(text)
    except ImportError:
        given = _spelled(text)
    except Unreadable as error:
        yield Finding(subject, f"gunicorn does not accept {text!r}: {error}")
        return
    for name, value in given.items():
        shown = f"{value[0]!r}" if name == "args" else _option(name, text)
        if name in REFUSED:
            yield Finding(subject, f"{shown} {REFUSED[name]}")
        elif subject == ENVIRONMENT and name in PROPERTIES:
            yield Finding(subject, f"{shown}: the property has precedence; set {PROPERTIES[name]}")
        elif subject == ENVIRONMENT and name in _NOT_IN_ENVIRONMENT:
            yield Finding(subject, f"{shown}: set it in {WSGI_ARGS}")
    if any(str(each).startswith("SCRIPT_NAME=") for each in given.get("raw_env", ())):
        yield Finding(subject, f"SCRIPT_NAME contradicts {PREFIX}; set the property instead")
    file = str(given.get("config", ""))
    if file and not file.startswith(("/", "file:/", "python:")):
        yield Finding(
            subject,
            f"{file!r} must be an absolute path, file:/PATH or python:MODULE. "
            "Example: --config file:/opt/omero/web/config/gunicorn.py",
        )


def _option(name: str, text: str) -> str:
    """Return the option as the text has it, else by its name."""
    with_name = name.replace("_", "-")
    for spelling in _SPELLINGS.get(name, (f"--{with_name}",)):
        if re.search(rf"(?:^|\s){re.escape(spelling)}", text):
            return spelling
    return f"--{with_name}"


def _spelled(text: str) -> dict[str, Any]:
    try:
        words = shlex.split(text)
    except ValueError:
        return {}
    found: dict[str, Any] = {}
    for name, spellings in _SPELLINGS.items():
        for each in spellings:
            short = not each.startswith("--")
            if any(
                word == each or word.startswith(each if short else f"{each}=") for word in words
            ):
                found[name] = True
    return found
