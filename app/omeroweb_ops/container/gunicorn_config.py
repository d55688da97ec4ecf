"""gunicorn's configuration in a container, from the environment that `serve` leaves.

gunicorn reads its configuration again at a reload.
"""

from __future__ import annotations

import os
from typing import Any

from ..gunicorn import config, site_options
from ..locations import Locations
from ..shared.setting_values import in_bytes
from . import daily_clear
from .process_settings import GRACEFUL_TIMEOUT, WORKER_MEMORY


def settings() -> dict[str, Any]:
    """Return gunicorn's settings by name."""
    found = config.settings(
        graceful_timeout=int(os.environ[GRACEFUL_TIMEOUT]),
        worker_memory=in_bytes(os.environ[WORKER_MEMORY]),
    )
    clear = daily_clear.hook(Locations.from_environment().cleared)
    return {**found, "when_ready": site_options.chain(found["when_ready"], clear)}
