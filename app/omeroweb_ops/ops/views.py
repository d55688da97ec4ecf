"""Answer the app's requests, without secrets, sessions and checks of the Host header."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ..locations import Locations
from . import metrics as measured
from . import readiness
from .middleware import CONFIGURATION


def live(_request: HttpRequest) -> HttpResponse:
    """Answer 200: a worker is alive. Nothing else is checked."""
    return HttpResponse("alive\n", content_type="text/plain")


def ready(_request: HttpRequest) -> HttpResponse:
    """Answer 200, or 503 if OMERO.web is not ready for visitors."""
    needed = readiness.needs_server(Locations.from_environment())
    report = readiness.report(settings.SERVER_LIST, needs_server=needed)
    return JsonResponse(
        report, status=200 if report["ready"] else 503, json_dumps_params={"indent": 1}
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the metrics of all workers."""
    text = measured.text(Locations.from_environment(), request.META.get(CONFIGURATION, ""))
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def session(request: HttpRequest) -> HttpResponse:
    """Answer NGINX before a large upload: 204 if a user is logged in, else 401.

    The session is read and never stored. Its `connector` (omeroweb/connector.py) has no user after
    a failed login, and is public for visitors.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore
    login = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME)).get("connector")
    known = isinstance(login, Mapping) and login.get("user_id") is not None
    return HttpResponse(status=204 if known and not login.get("is_public") else 401)
