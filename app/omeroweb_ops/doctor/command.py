"""`omeroweb-ops doctor`."""

from __future__ import annotations

import sys
from dataclasses import replace

from ..shared.expectations import Expectations
from ..state.config_xml import Unreadable
from ..state.engine import Engine
from ..wait_ready import alarm
from . import report
from .checks import visitor
from .public_probe import probe_public

COULD_NOT_RUN = 2
TIMEOUT = 100.0  # seconds; each question has its own, and a deploy waits for 120


def run(engine: Engine, url: str | None, connect: str | None, *, json: bool) -> int:
    """Print what was found; the exit status is 0 without an error, 1 with one, 2 without an answer.

    url: instead of the deployed one. connect: the address to ask in place of the name's own.
    """
    try:
        expected = Expectations.load(engine.locations.site)
        if url is not None:
            expected = replace(expected, url=url.rstrip("/") + "/")
        with alarm(TIMEOUT):
            observed = probe_public(expected.checked(), engine, connect)
    except (Unreadable, OSError, ValueError) as error:
        print(f"omeroweb-ops: doctor cannot run: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    findings = [
        replace(each, message=engine.redacted(each.message, {}))
        for each in visitor.findings(observed)
    ]
    print(report.as_json(observed, findings) if json else report.as_table(observed, findings))
    return 1 if report.worst(findings) == "error" else 0
