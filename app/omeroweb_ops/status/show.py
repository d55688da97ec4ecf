"""Format the screen for people and for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from ..doctor.result import CheckResult
from . import warnings as judge
from .lines import lines
from .model import Status

WIDTH = 80  # columns of the narrowest terminal
_NAME = 13  # columns of the longest one
_STATES = ("serving", "warnings", "not serving")


def as_json(seen: Status, findings: Sequence[CheckResult]) -> str:
    """Return the status as JSON. A part that is not known is {"unknown": reason}."""
    warnings = [
        {"check": each.check, "message": each.message, "remedy": each.setting} for each in findings
    ]
    whole = {"status": _STATES[judge.status(findings)], "warnings": warnings, **asdict(seen)}
    return json.dumps(
        whole, indent=1, ensure_ascii=False, default=lambda moment: moment.isoformat()
    )


def as_text(seen: Status, findings: Sequence[CheckResult]) -> str:
    """Return the status as text, at most 80 columns wide."""
    serves = "DOES NOT SERVE" if judge.status(findings) == 2 else "serves"
    blocks = [f"OMERO.web {serves}.", _table(lines(seen))]
    if findings:
        rows = ((each.check, f"{each.message}\n→ {each.setting}") for each in findings)
        blocks.append(f"WARNINGS\n{_table(rows)}")
    else:
        blocks.append("No warnings.")
    return "\n\n".join(blocks)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    from tabulate import tabulate

    widths = [None, WIDTH - _NAME - 2]
    table = tabulate(list(rows), tablefmt="plain", disable_numparse=True, maxcolwidths=widths)
    return "\n".join(line.rstrip() for line in table.splitlines())
