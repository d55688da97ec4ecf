"""What the running service tells of itself, asked on OMERO.web's own address."""

from __future__ import annotations

import http.client
import json
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from .. import ready
from ..ops.serving import ADDRESS
from ..state import known
from ..state.config_xml import Unreadable
from ..state.engine import Engine
from ..state.history import State
from .seen import Metrics, Ready

PATIENCE = 10.0  # seconds; ops/ready itself gives each OMERO.server two


def address(engine: Engine) -> ready.Address:
    """Where it serves. One whose config.xml has broken meanwhile still serves with that of then."""
    try:
        _ = engine.current
    except Unreadable:
        then = State.read(engine.locations.kept(known.release())).properties
        locations, schema = engine.locations, engine.schema
        return ready.address(lambda name: then.get(name, schema.default(name, locations.omerodir)))
    return ready.address(engine.effective)


def ask_ready(place: ready.Address) -> Ready:
    """Raises OSError, http.client.HTTPException and ValueError."""
    status, body = _get(place, "ready")
    if status not in (200, 503):
        raise ValueError(f"{_url(place, 'ready')} answers {status}")
    told = json.loads(body)
    servers = {str(name): str(said) for name, said in told["omero_server"]["servers"].items()}
    return Ready(bool(told["ready"]), str(told["session_store"]), servers)


def ask_metrics(place: ready.Address) -> Metrics:
    """Raises OSError, http.client.HTTPException and ValueError."""
    status, body = _get(place, "metrics")
    if status != 200:
        raise ValueError(f"{_url(place, 'metrics')} answers {status}")
    return read(body.decode())


def read(text: str) -> Metrics:
    """Of Prometheus' text format what the screen shows. Raises ValueError."""
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


def _get(place: ready.Address, name: str) -> tuple[int, bytes]:
    connection: Any = http.client.HTTPConnection(place.host, place.port, timeout=PATIENCE)
    try:
        connection.request("GET", place.prefix + ADDRESS + name)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OSError(f"{_url(place, name)} does not answer: {said}") from error
    finally:
        connection.close()


def _url(place: ready.Address, name: str) -> str:
    return f"http://{place.host}:{place.port}{place.prefix}{ADDRESS}{name}"
