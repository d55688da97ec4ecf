"""Run `omeroweb-ops doctor`."""

from __future__ import annotations

import sys
from dataclasses import replace

from ..shared.addresses import bare
from ..shared.expectations import Expectations
from ..state.config_xml import Unreadable
from ..state.engine import Engine
from ..wait_ready import alarm
from . import report
from .checks import run_all
from .public_probe import probe_public

COULD_NOT_RUN = 2
TIMEOUT = 100.0  # seconds; each request has its own timeout, and a deploy waits for 120 s


def run(engine: Engine, url: str | None, connect: str | None, *, json: bool) -> int:
    """Print the results. Return 0 without an error, 1 with an error, 2 if the doctor cannot run.

    url: replaces the deployed URL. connect: the address to connect to instead of the name's.
    """
    try:
        expected = Expectations.load(engine.locations.site)
        if url is not None:
            expected = replace(expected, url=url.rstrip("/") + "/")
        with alarm(TIMEOUT):
            observed = probe_public(expected.checked(), engine, connect and bare(connect))
    except (Unreadable, OSError, ValueError) as error:
        print(f"omeroweb-ops: doctor cannot run: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    findings = [
        replace(each, message=engine.redacted(each.message, {})) for each in run_all(observed)
    ]
    print(report.as_json(observed, findings) if json else report.as_table(observed, findings))
    return 1 if report.worst(findings) == "error" else 0
