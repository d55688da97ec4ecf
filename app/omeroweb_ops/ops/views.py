"""What is answered: nothing secret, no session, no look at the Host header."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ..locations import Locations
from . import exposition, readiness
from .serving import CONFIGURATION


def live(_request: HttpRequest) -> HttpResponse:
    """A worker answers; nothing else is looked at."""
    return HttpResponse("alive\n", content_type="text/plain")


def ready(_request: HttpRequest) -> HttpResponse:
    """200, or 503 where visitors should be sent elsewhere."""
    needed = readiness.needs_server(Locations.from_environment())
    report = readiness.report(settings.SERVER_LIST, needs_server=needed)
    return JsonResponse(
        report, status=200 if report["ready"] else 503, json_dumps_params={"indent": 1}
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Of all workers, whichever is asked."""
    text = exposition.text(Locations.from_environment(), request.META.get(CONFIGURATION, ""))
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
