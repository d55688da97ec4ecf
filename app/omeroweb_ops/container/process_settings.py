"""Read the settings of gunicorn's processes, which `gunicorn_config` passes to gunicorn."""

from __future__ import annotations

from ..shared import setting_values
from .variable_reader import VariableReader

GRACEFUL_TIMEOUT, WORKER_MEMORY = "WEB_GRACEFUL_TIMEOUT", "WEB_WORKER_MEMORY"
NAMES = (GRACEFUL_TIMEOUT, WORKER_MEMORY)
# Less than the 10 seconds that `docker stop` waits before it kills.
_GRACEFUL_TIMEOUT = 8
_WORKER_MEMORY = "1gb"


def read(reader: VariableReader) -> dict[str, str]:
    """Return every variable of `NAMES` with its value or its default."""
    seconds = reader.number(GRACEFUL_TIMEOUT, 1, 3600) or _GRACEFUL_TIMEOUT
    memory = reader.value(
        WORKER_MEMORY,
        setting_values.memory,
        'the memory above which a worker is replaced, for example "1gb"',
    )
    return {GRACEFUL_TIMEOUT: str(seconds), WORKER_MEMORY: memory or _WORKER_MEMORY}
