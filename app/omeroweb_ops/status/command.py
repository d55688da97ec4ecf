"""`omeroweb-ops status`."""

from __future__ import annotations

from ..state.engine import Engine
from ..wait_ready import alarm
from . import show, warnings
from .collect import collect

TIMEOUT = 60.0  # seconds for all of it, however slowly something answers


def run(engine: Engine, *, json: bool) -> int:
    """Print the screen; the exit status is 0 serving and no warning, 1 warnings, 2 not serving."""
    with alarm(TIMEOUT):
        seen = collect(engine)
    findings = warnings.findings(seen)
    print(show.as_json(seen, findings) if json else show.as_text(seen, findings))
    return warnings.status(findings)
