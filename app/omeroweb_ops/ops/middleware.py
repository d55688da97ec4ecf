"""Answer the app's addresses between gunicorn and OMERO.web, and count all other requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ..locations import Locations
from . import worker_slots
from .request_metrics import RequestMetrics

# Exactly the prefix that NGINX closes: other spellings, which NGINX lets pass, are not answered.
ADDRESS = "/ops/"
CONFIGURATION = "omeroweb_ops.configuration"  # in the environ: the worker's configuration digest

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class OpsHooks:
    """gunicorn's hooks. digest: of the configuration that the workers load."""

    def __init__(self, locations: Locations, digest: str) -> None:
        self.folder, self.digest = locations.metrics, digest

    def start(self, server: Any) -> None:
        """on_starting hook, in the master. gunicorn does not call it for a reload by HUP."""
        try:
            worker_slots.clear(self.folder)
        except OSError as error:  # the workers report it, too; OMERO.web can still run
            server.log.warning("old counts stay: %s", error)

    def begin(self, worker: Any) -> None:
        """post_worker_init hook. It must come after all other hooks that wrap OMERO.web."""
        requests = None
        try:
            requests = RequestMetrics(self.folder, worker_slots.acquire(self.folder))
        except Exception as error:  # a full disk, a broken file: OMERO.web can still run
            worker.log.warning("requests are not counted: %s: %s", self.folder, error)
        worker.wsgi = OpsMiddleware(worker.wsgi, self.digest, requests)


class OpsMiddleware:
    """OMERO.web's WSGI application with the app's addresses and with counted requests."""

    def __init__(
        self, application: Application, digest: str, requests: RequestMetrics | None
    ) -> None:
        self.application, self.digest, self.requests = application, digest, requests

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(ADDRESS):
            return _answer({**environ, CONFIGURATION: self.digest}, start)
        requests = self.requests
        if requests is None:
            return self.application(environ, start)
        began, method = time.perf_counter(), environ["REQUEST_METHOD"]

        # Count before the first byte is sent, so that the metrics include every received answer.
        def counted(status: str, *rest: Any) -> Any:
            requests.count(method, int(status[:3]), time.perf_counter() - began)
            return start(status, *rest)

        try:
            return self.application(environ, counted)
        except Exception:  # gunicorn answers 500
            requests.count(method, 500, time.perf_counter() - began)
            raise


def _answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request with the app's own URLconf, without any middleware."""
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpResponseNotFound
    from django.urls import Resolver404, resolve

    request = WSGIRequest(environ)
    try:
        match = resolve(f"/{environ['PATH_INFO'].removeprefix(ADDRESS)}", f"{__package__}.urls")
        response = match.func(request)
    except Resolver404:
        response = HttpResponseNotFound("there are live, ready and metrics\n")
    response["Content-Length"] = str(len(response.content))
    start(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [] if request.method == "HEAD" else [response.content]
