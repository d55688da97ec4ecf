"""Run `omeroweb-ops status`."""

from __future__ import annotations

from ..state.engine import Engine
from ..wait_ready import alarm
from . import show, warnings
from .collect import collect

TIMEOUT = 60.0  # seconds for the whole command


def run(engine: Engine, *, json: bool) -> int:
    """Print the screen. Return 0 if OMERO.web is up, 1 with warnings, 2 if it is down."""
    with alarm(TIMEOUT):
        seen = collect(engine)
    findings = warnings.findings(seen)
    print(show.as_json(seen, findings) if json else show.as_text(seen, findings))
    return warnings.status(findings)
