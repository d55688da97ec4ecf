"""A stand-in for OMERO.web that says who asks, as omeroweb/decorators.py finds it out.

It runs in a release's virtualenv on the host under test, behind gunicorn and Django's own reading
of requests. The query says what the answer is like: `status`, `vary`, `control`, `cookie`, and how
many bytes of space it has at its end: `size`.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

COOKIE = os.environ["SESSION_COOKIE"]
settings.configure(ALLOWED_HOSTS=["*"])
_numbers = itertools.count(1)
NOBODY = "nobody"


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with who asks and the number of the answer."""
    from django.core.handlers.wsgi import WSGIRequest

    request = WSGIRequest(environ)
    number, query = next(_numbers), request.GET
    body = json.dumps({"who": _who(request), "number": number, "uri": environ["RAW_URI"],
                       "origin": environ.get("HTTP_ORIGIN", "")}).encode()  # fmt: skip
    body += b" " * int(query.get("size", "0"))
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    if "vary" in query:
        headers.append(("Vary", query["vary"]))
    if "control" in query:
        headers.append(("Cache-Control", query["control"]))
    if "cookie" in query:
        headers.append(("Set-Cookie", f"{COOKIE}=of-answer-{number}; Path=/; HttpOnly"))
    start(f"{query.get('status', '200')} As Asked", headers)
    return [body]


def _who(request: Any) -> str:
    query, headers = request.GET, request.headers
    if "bsession" in query:
        return f"bsession {query['bsession']}"
    if "username" in query and "password" in query:
        return f"password {query['username']}"
    if request.COOKIES.get(COOKIE):
        return f"cookie {request.COOKIES[COOKIE]}"
    if headers.get("Authorization"):
        return f"authorization {headers['Authorization']}"
    if headers.get("X-Omero-Session"):  # of a plugin
        return f"header {headers['X-Omero-Session']}"
    return NOBODY
