"""Run `omeroweb-ops status`."""

from __future__ import annotations

from ..state.engine import Engine
from ..wait_ready import alarm
from . import nagios, show, warnings
from .collect import collect

TIMEOUT = 60.0  # seconds for the whole command


def run_nagios(engine: Engine) -> int:
    """Print a line for Nagios. Return 0, 1, 2 as `run`, or 3 if the status cannot be read."""
    try:
        with alarm(TIMEOUT):
            seen = collect(engine)
        findings = warnings.findings(seen)
        print(nagios.as_line(seen, findings))
    except Exception as error:  # whatever it is, Nagios expects a line
        print(nagios.line(nagios.UNKNOWN, f"{type(error).__name__}: {error}"))
        return nagios.UNKNOWN
    return warnings.status(findings)


def run(engine: Engine, *, json: bool) -> int:
    """Print the screen. Return 0 if OMERO.web is up, 1 with warnings, 2 if it is down."""
    with alarm(TIMEOUT):
        seen = collect(engine)
    findings = warnings.findings(seen)
    print(show.as_json(seen, findings) if json else show.as_text(seen, findings))
    return warnings.status(findings)
