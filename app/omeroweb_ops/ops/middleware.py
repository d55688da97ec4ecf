"""Between gunicorn and OMERO.web: the app's addresses, and the count of all other requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ..locations import Locations
from . import worker_slots
from .request_metrics import RequestMetrics

# Exactly as NGINX closes it: what it lets pass to other locations is never answered here.
ADDRESS = "/ops/"
CONFIGURATION = "omeroweb_ops.configuration"  # in the environ: digest of what the worker has loaded

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class OpsHooks:
    """gunicorn's hooks. digest: of the configuration that its workers load."""

    def __init__(self, locations: Locations, digest: str) -> None:
        self.folder, self.digest = locations.metrics, digest

    def start(self, server: Any) -> None:
        """on_starting, in the master; not called for a reload by HUP."""
        try:
            worker_slots.clear(self.folder)
        except OSError as error:  # what the workers say too, and no reason not to serve
            server.log.warning("old counts stay: %s", error)

    def begin(self, worker: Any) -> None:
        """post_worker_init, once OMERO.web is loaded. After all other hooks that wrap it."""
        requests = None
        try:
            requests = RequestMetrics(self.folder, worker_slots.acquire(self.folder))
        except Exception as error:  # a full disk, a broken file: no reason not to serve
            worker.log.warning("requests are not counted: %s: %s", self.folder, error)
        worker.wsgi = OpsMiddleware(worker.wsgi, self.digest, requests)


class OpsMiddleware:
    """OMERO.web's WSGI application, watched."""

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

        # Before the first byte leaves: whoever has an answer finds it in the metrics.
        def counted(status: str, *rest: Any) -> Any:
            requests.count(method, int(status[:3]), time.perf_counter() - began)
            return start(status, *rest)

        try:
            return self.application(environ, counted)
        except Exception:  # gunicorn answers 500
            requests.count(method, 500, time.perf_counter() - began)
            raise


def _answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """By the app's own URLconf, without any middleware."""
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
