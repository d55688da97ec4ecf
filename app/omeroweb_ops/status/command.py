"""`omeroweb-ops status`."""

from __future__ import annotations

from ..ready import alarm
from ..state.engine import Engine
from . import judge, show
from .collect import collect

TIMEOUT = 60.0  # seconds for all of it, however slowly something answers


def run(engine: Engine, *, json: bool) -> int:
    """Print the screen; the exit status is 0 serving and no warning, 1 warnings, 2 not serving."""
    with alarm(TIMEOUT):
        seen = collect(engine)
    findings = judge.findings(seen)
    print(show.as_json(seen, findings) if json else show.as_text(seen, findings))
    return judge.status(findings)
