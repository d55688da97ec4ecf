"""Read the status of the running service from OMERO.web's own address."""

from __future__ import annotations

import http.client
import json
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from .. import login_page
from ..ops.middleware import ADDRESS
from ..state import schema_cache
from ..state.config_xml import Unreadable
from ..state.engine import Engine
from ..state.snapshot import State
from .model import Metrics, Ready

REQUEST_TIMEOUT = 10.0  # seconds; ops/ready waits two seconds for each OMERO.server


def address(engine: Engine) -> login_page.Address:
    """Return OMERO.web's address; if config.xml is damaged, the one in the release's snapshot."""
    try:
        _ = engine.current
    except Unreadable:
        snapshot = State.read(engine.locations.kept(schema_cache.current_release())).properties
        locations, schema = engine.locations, engine.schema
        return login_page.address(
            lambda name: snapshot.get(name, schema.default(name, locations.omerodir))
        )
    return login_page.address(engine.effective)


def ask_ready(place: login_page.Address) -> Ready:
    """Raises OSError, http.client.HTTPException and ValueError."""
    status, body = _get(place, "ready")
    if status not in (200, 503):
        raise ValueError(f"{_url(place, 'ready')} answers {status}")
    report = json.loads(body)
    servers = {str(name): str(text) for name, text in report["omero_server"]["servers"].items()}
    return Ready(bool(report["ready"]), str(report["session_store"]), servers)


def ask_metrics(place: login_page.Address) -> Metrics:
    """Raises OSError, http.client.HTTPException and ValueError."""
    status, body = _get(place, "metrics")
    if status != 200:
        raise ValueError(f"{_url(place, 'metrics')} answers {status}")
    return read(body.decode())


def read(text: str) -> Metrics:
    """Parse the metrics of the screen from Prometheus' text format. Raises ValueError."""
    memory: dict[str, int] = {}
    single: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "omeroweb_process_proportional_memory_bytes":
                memory[sample.labels["process"]] = int(sample.value)
            elif not sample.labels:
                single[sample.name] = int(sample.value)
    return Metrics(
        memory,
        single.get("omeroweb_sessions"),
        single.get("omeroweb_redis_memory_used_bytes"),
        single.get("omeroweb_redis_memory_max_bytes"),
    )


def _get(place: login_page.Address, name: str) -> tuple[int, bytes]:
    connection: Any = http.client.HTTPConnection(place.host, place.port, timeout=REQUEST_TIMEOUT)
    try:
        connection.request("GET", place.prefix + ADDRESS + name)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OSError(f"{_url(place, name)} does not answer: {reason}") from error
    finally:
        connection.close()


def _url(place: login_page.Address, name: str) -> str:
    return f"{place.url}{ADDRESS}{name}"
