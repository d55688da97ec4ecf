"""Whose a sample of a worker's profile is."""

from __future__ import annotations

import pytest

from benchmarks.worker_profile import owner, shares

PACKAGES = "/opt/omero/web/releases/1/lib/python3.11/site-packages"
MAIN = f"ThreadWorker.run ({PACKAGES}/gunicorn/workers/gthread.py:390)"
REQUEST = f"ThreadWorker.handle ({PACKAGES}/omeroweb_ops/gunicorn/thread_worker.py:120)"
PARSER = f"next ({PACKAGES}/gunicorn/http/parser.py:26)"
GUARD = f"_ask ({PACKAGES}/omeroweb_ops/gunicorn/session_store_guard.py:50)"
VIEW = f"index ({PACKAGES}/omeroweb/webclient/views.py:300)"
DJANGO = f"get_response ({PACKAGES}/django/core/handlers/base.py:140)"
REDIS = f"send_command ({PACKAGES}/redis/connection.py:500)"
JSON = "raw_decode (/usr/lib/python3.11/json/decoder.py:353)"
SOCKET = f"ClientSocket.sendall ({PACKAGES}/omeroweb_ops/gunicorn/client_connection.py:49)"
LOAD = f"_load ({PACKAGES}/omeroweb_ops/gunicorn/session_store_guard.py:130)"
WAITING = f"_waiting ({PACKAGES}/omeroweb_ops/gunicorn/client_connection.py:36)"
SELECT = "select (/usr/lib/python3.11/selectors.py:468)"


@pytest.mark.parametrize(
    ("frames", "whose"),
    [
        ((REQUEST, PARSER), "gunicorn"),
        ((REQUEST, DJANGO, VIEW), "OMERO.web"),
        ((REQUEST, GUARD, DJANGO, JSON), "OMERO.web"),  # the innermost counts
        ((REQUEST, GUARD, REDIS, JSON), "bundle"),  # a library works for its caller
        ((REQUEST, DJANGO, LOAD, REDIS), "OMERO.web"),  # which would load its session anyhow
        ((REQUEST, SOCKET), "gunicorn"),
        ((REQUEST, SOCKET, WAITING), "bundle"),
        ((MAIN, SELECT), None),
        ((MAIN, GUARD), None),
    ],
)
def test_a_sample_belongs_to_the_innermost_code(frames: tuple[str, ...], whose: str | None) -> None:
    assert owner(";".join(frames)) == whose


def test_shares_are_of_the_samples_that_work() -> None:
    profile = (
        f"{REQUEST};{VIEW} 96\n{REQUEST};{GUARD} 1\n{REQUEST};{PARSER} 3\n{MAIN};{SELECT} 1000\n"
    )
    assert shares(profile) == {"bundle": 0.01, "gunicorn": 0.03, "OMERO.web": 0.96}
