"""Whether OMERO.server lets the public user in, asked with a real login.

`python -m omeroweb_ops.releases.public_login` logs in with the account on standard input, so that
the password is in no argument, and prints one word. Asked once for each account: what was let in
is noted as a digest.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..processes import end_with_parent
from ..property_names import (
    PUBLIC_ENABLED,
    PUBLIC_PASSWORD,
    PUBLIC_SERVER_ID,
    PUBLIC_USER,
    SERVER_LIST,
)
from ..shared import regular_file
from ..shared.finding import Finding
from ..state.engine import Engine

LOGIN_TIMEOUT = 30.0  # seconds
LET_IN, REFUSED, FAILED = "let-in", "refused", "failed"


def check(
    engine: Engine,
    properties: Mapping[str, str],
    unreachable: Mapping[str, str],
    ask: Callable[[str], str] | None = None,
) -> Finding | None:
    """Return an error if OMERO.server refuses the public user, a warning if it cannot be asked.

    properties: the future ones. unreachable: as `omero_server.problems` returns it. ask: logs in,
    by default in a process of its own; takes the account as JSON.
    """

    def value(name: str) -> Any:
        return engine.value(name, properties)

    if not value(PUBLIC_ENABLED) or not value(PUBLIC_USER):
        return None
    user, servers = str(value(PUBLIC_USER)), value(SERVER_LIST) or []
    number = int(value(PUBLIC_SERVER_ID))
    if not 1 <= number <= len(servers):
        listed = f"{SERVER_LIST} has {len(servers)}"
        return Finding(
            PUBLIC_SERVER_ID, f"names server {number}, and {listed}; set it to 1 for the first"
        )
    if value(PUBLIC_PASSWORD) is None:
        message = "must be set in the web_secrets file, since visitors are logged in with it"
        return Finding(PUBLIC_PASSWORD, message)
    host, port = servers[number - 1][:2]
    account = json.dumps([str(host), int(port), user, str(value(PUBLIC_PASSWORD))])
    digest = hashlib.sha256(account.encode()).hexdigest()
    if _noted(engine) == digest:
        return None
    problem = unreachable[f"{host}:{port}"]
    answer = FAILED if problem else (ask or _log_in)(account)
    if answer == LET_IN:
        regular_file.replace(engine.locations.public_login, digest.encode())
        return None
    if answer == REFUSED:
        message = f"{host}:{port} refuses a login as {user!r}; correct it or {PUBLIC_PASSWORD}"
        return Finding(PUBLIC_USER, f"{message}, or make the user in OMERO")
    why = problem or "the login failed; see the log of OMERO.server"
    message = f"{host}:{port} could not be asked whether it lets {user!r} in ({why})"
    return Finding(PUBLIC_USER, message, severity="warning")


def _noted(engine: Engine) -> str | None:
    try:
        return regular_file.read_text(engine.locations.public_login)
    except FileNotFoundError:
        return None


def _log_in(account: str) -> str:
    """Return LET_IN, REFUSED or FAILED."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=account,
            capture_output=True,
            text=True,
            timeout=LOGIN_TIMEOUT,
            cwd="/",
            preexec_fn=end_with_parent,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return FAILED
    answer = done.stdout.strip()
    return answer if answer in (LET_IN, REFUSED) else FAILED


def main() -> None:
    """Log in once and print the outcome; OMERO's own messages may name the account."""
    import Glacier2
    import omero

    host, port, user, password = json.load(sys.stdin)
    client = omero.client(host=host, port=port)
    try:
        client.createSession(user, password)
        print(LET_IN)
    except Glacier2.PermissionDeniedException:
        print(REFUSED)
    except Exception:
        print(FAILED)
    finally:
        client.closeSession()


if __name__ == "__main__":
    main()
