"""Format the results for people and for monitoring."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict

from .public_probe import PublicState
from .result import STATUSES, CheckResult


def worst(findings: Sequence[CheckResult]) -> str:
    """Return the worst status: ok, warning or error. info counts as ok."""
    found = max((STATUSES.index(each.status) for each in findings), default=0)
    return STATUSES[found] if STATUSES[found] != "info" else "ok"


def as_json(seen: PublicState, findings: Sequence[CheckResult]) -> str:
    checks = [
        {"name": each["check"], **{key: each[key] for key in ("status", "message", "setting")}}
        for each in map(asdict, findings)
    ]
    whole = {"url": seen.expected.url, "status": worst(findings), "checks": checks}
    return json.dumps(whole, indent=1, ensure_ascii=False)


def as_table(seen: PublicState, findings: Sequence[CheckResult]) -> str:
    """Return a table with problems in capitals; the last column has the setting to change."""
    from tabulate import tabulate

    columns = max(shutil.get_terminal_size((120, 24)).columns, 80)
    setting = max([len("setting"), *(len(each.setting) for each in findings)])
    setting = min(setting, columns // 3)
    rows = [
        (
            each.status.upper() if each.status in ("warning", "error") else each.status,
            *(" ".join(text.split()) for text in (each.check, each.message, each.setting)),
        )
        for each in findings
    ]
    table = tabulate(
        rows,
        ("", "check", "", "setting"),
        tablefmt="plain",
        disable_numparse=True,
        maxcolwidths=[None, None, max(columns - setting - 32, 30), setting],
    )
    return f"{seen.expected.url}\n\n{table}\n\n{_summary(findings)}"


def _summary(findings: Sequence[CheckResult]) -> str:
    counts = {
        status: sum(each.status == status for each in findings) for status in ("error", "warning")
    }
    parts = [f"{count} {name}{'s'[: count > 1]}" for name, count in counts.items() if count]
    return " and ".join(parts) + "." if parts else "No errors and no warnings."
