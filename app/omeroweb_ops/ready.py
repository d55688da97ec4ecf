"""Ask OMERO.web on its own port whether it answers."""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from pathlib import Path

from .state.engine import Engine

LOGIN = "/webclient/login/"
ALLOWED = "omero.web.allowed_hosts"


def wait(engine: Engine, limit: float, *, current: bool = False) -> str | None:
    """Wait up to `limit` seconds for the login page; None, or what was wrong at the end.

    current: wait for a worker that has loaded the present configuration as well.
    """
    host = engine.effective("omero.web.application_server.host") or "127.0.0.1"
    port = int(engine.effective("omero.web.application_server.port") or 4080)
    # Un-prefixed requests to a prefixed application answer 500 (SCRIPT_NAME does not match).
    prefix = (engine.effective("omero.web.prefix") or "").rstrip("/")
    name = known_name(engine.schema[ALLOWED].value(engine.effective(ALLOWED)))
    digest = engine.digest()
    end = time.monotonic() + limit
    while True:
        problem = ask(
            "127.0.0.1" if host in ("0.0.0.0", "::") else host, port, prefix + LOGIN, name
        )
        if problem is None and current and not serves(engine.locations.workers, digest):
            problem = "no worker serves with the present configuration"
        if problem is None or time.monotonic() >= end:
            return problem
        time.sleep(0.1)


def serves(workers: Path, digest: str) -> bool:
    """Whether a living worker has loaded the configuration of that digest."""
    try:
        names = [path for path in workers.iterdir() if path.name.isdigit()]
        return any(
            path.read_text(encoding="ascii") == digest and Path("/proc", path.name).exists()
            for path in names
        )
    except OSError:  # not started yet, or a worker that has just ended
        return False


def known_name(allowed: Sequence[str]) -> str:
    """A name that OMERO.web answers to: another one gets 400."""
    return next((name.lstrip(".") for name in allowed if name != "*"), "localhost")


def ask(host: str, port: int, path: str, name: str) -> str | None:
    """One request for a page of the site `name`; None where it is answered with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        # Secure cookies and redirects depend on it where TLS ends in front of gunicorn.
        connection.request("GET", path, headers={"Host": name, "X-Forwarded-Proto": "https"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"http://{host}:{port}{path} does not answer: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if status == 200 else f"http://{host}:{port}{path} answers {status}"
