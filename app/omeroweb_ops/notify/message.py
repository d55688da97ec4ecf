"""Write the messages: what is wrong in plain words, since when, and what to do. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .history import Change, Known


@dataclass(frozen=True)
class Message:
    """A message. identity: the same each time that its delivery is tried. data: the webhook's."""

    identity: str
    subject: str
    text: str
    data: Mapping[str, Any]


def of_change(change: Change, *, site: str, host: str, now: float) -> Message:
    """Return the message about a change."""
    where = _short(site) or host
    left = {**change.remaining, **change.new}
    wrong = {name: each for name, each in left.items() if each.well_since is None}
    if change.new:
        subject = f"{_count(change.new)}: {', '.join(change.new)}"
    else:
        subject = f"well again: {', '.join(change.well)}"
        subject += f" ({_count(wrong)} left)" if wrong else ""
    blocks = (
        ("", change.new),
        ("Well again:", change.well),
        ("Known before, and still so:", {k: v for k, v in wrong.items() if k not in change.new}),
    )
    lines = [f"Site: {site or 'not known'}", f"Host: {host}", f"Time: {time(now)}"]
    for title, problems in blocks:
        if problems:
            lines += ["", *([title] if title else [])]
            lines += [line for name, each in problems.items() for line in _lines(name, each)]
    if change.new:
        lines += ["", "To see all checks, on the host as root: omeroweb-ops doctor"]
        lines += ["Before planned work: omeroweb-ops maintenance on"]
    elif not wrong:
        lines += ["", "No problem is left."]
    errors = any(each.problem.status == "error" for each in change.new.values())
    return _message(
        ("broken" if errors else "warning") if change.new else "well",
        f"[OMERO.web] {where}: {subject}",
        lines,
        site=site,
        host=host,
        now=now,
        problems=[_data(name, each) for name, each in wrong.items()],
        well=[*change.well],
    )


def trial(*, site: str, host: str, now: float) -> Message:
    """Return the trial message of `--test`."""
    lines = [f"Host: {host}", f"Time: {time(now)}", "", "This is a trial message. All is well."]
    subject = f"[OMERO.web] {_short(site) or host}: trial message"
    return _message("test", subject, lines, site=site, host=host, now=now, problems=[], well=[])


def _message(
    status: str, subject: str, lines: list[str], *, site: str, host: str, now: float, **more: Any
) -> Message:
    text = "\n".join(lines) + "\n"
    data = {
        # Slack, and what is compatible with it, reads these three characters as markup
        "text": html.escape(f"{subject}\n{text}", quote=False),
        **{"status": status, "site": site, "host": host, "time": time(now), **more},
    }
    return Message(f"{now:.0f}.{status}.{host}", subject[:200], text, data)


def _lines(name: str, known: Known) -> Iterator[str]:
    if known.well_since is not None:
        yield f"  {name}, which was wrong from {time(known.since)} to {time(known.well_since)}"
        return
    yield f"{known.problem.status.upper()}: {name}: {known.problem.message}"
    yield f"  Since {time(known.since)}."
    if known.problem.setting:
        yield f"  See: {known.problem.setting}"
    if known.hold:
        yield (
            f"  It breaks again and again. The next message is sent once it has been well for "
            f"{known.hold / 3600:g} h."
        )


def _short(site: str) -> str:
    return site.partition("://")[2].rstrip("/")


def _data(name: str, known: Known) -> dict[str, str]:
    problem = known.problem
    return {
        "check": name,
        "status": problem.status,
        "message": problem.message,
        "setting": problem.setting,
        "since": time(known.since),
    }


def _count(problems: Mapping[str, Known]) -> str:
    errors = sum(each.problem.status == "error" for each in problems.values())
    parts = [(errors, "error"), (len(problems) - errors, "warning")]
    return " and ".join(f"{count} {name}{'s'[: count > 1]}" for count, name in parts if count)


def time(moment: float) -> str:
    """Return a time of the host's time zone, like 2026-11-29 15:40 CET."""
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M %Z")
