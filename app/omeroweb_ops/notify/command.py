"""Run `omeroweb-ops doctor --notify`, which root's script /opt/omero/web/bin/notify starts."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from . import message, report, store
from .channels import Settings, Undelivered, deliver
from .history import advance, unconfirmed

CONFIRMATION_DELAY = 10.0  # seconds until a new problem is looked for again
FAILED = 1  # the exit status if a message was not delivered
CANNOT_RUN = 2
DEPLOY, MAINTENANCE = "a deploy is running", "planned maintenance is on"


@dataclass(frozen=True)
class Host:
    """What a run needs of the host.

    doctor: the command that prints `doctor --json`. deploy_state: the command that prints whether
    a deploy runs. planned: what exists during planned maintenance. pause: CONFIRMATION_DELAY.
    """

    settings: Path
    state: Path
    planned: Path
    deploy_state: Sequence[str]
    doctor: Sequence[str]
    pause: float = CONFIRMATION_DELAY

    def silence(self) -> str:
        """Return why nothing is reported now, or ""."""
        if self.planned.exists():
            return MAINTENANCE
        done = subprocess.run(
            self.deploy_state, capture_output=True, text=True, timeout=60, check=False
        )
        return DEPLOY if done.stdout.strip() in ("alive", "running") else ""


def main(host: Host, arguments: Sequence[str] | None = None) -> int:
    """Check, report and print what was done. Return the exit status."""
    parser = argparse.ArgumentParser(
        prog="omeroweb-ops doctor --notify",
        description="Check the site and report changes, as web_notify says. A timer does so every "
        "five minutes. Exit status: 0 done, 1 a message was not delivered, 2 nothing was checked.",
    )
    parser.add_argument("--notify", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--test", action="store_true", help="send a trial message")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.parse(host.settings.read_text("utf-8"))
        with store.locked(host.state):
            return _test(settings) if options.test else _run(host, settings)
    except (OSError, ValueError, TypeError) as error:
        print(f"omeroweb-ops doctor --notify: {error}", file=sys.stderr)
        return CANNOT_RUN


def _test(settings: Settings) -> int:
    """Send a trial message at once; a failed one is not tried again."""
    failed = False
    now = time.time()
    trial = message.trial(site=settings.site or "", host=platform.node(), now=now)
    for channel in settings.channels:
        failed = _deliver(trial, channel, settings) != "" or failed
    return FAILED if failed else 0


def _run(host: Host, settings: Settings) -> int:
    state = store.load(host.state)
    silence, found = _look(host, settings, state)
    now = time.time()
    if silence:
        print(f"Nothing is reported: {silence}.")
        store.save(host.state, replace(state, ran=now, silent=silence))
        return 0
    history, change = advance(state.history, found.problems, now, complete=found.complete)
    state = replace(state, ran=now, silent="", history=history)
    if change:
        text = message.of_change(
            change, site=settings.site or found.url, host=platform.node(), now=now
        )
        print(text.subject)
        state = state.with_message(text, settings.channels, now)
    else:
        wrong = sum(each.well_since is None for each in history.known.values())
        print(f"Nothing new: {wrong} known problems." if wrong else "Nothing new: all is well.")
    store.save(host.state, state)  # before a delivery, which may be cut off
    return _deliver_all(host.state, state, settings)


def _look(host: Host, settings: Settings, state: store.State) -> tuple[str, report.Report]:
    """Return why nothing is reported, or "", and the doctor's report.

    A new problem is looked for twice, because one slow answer is not worth a message.
    """
    silence = host.silence()
    if silence:
        return silence, report.Report()
    found = _report(host, settings)
    new = unconfirmed(state.history, found.problems)
    if new and not found.maintenance:
        time.sleep(host.pause)
        first, found = found, _report(host, settings)
        passing = unconfirmed(state.history, found.problems) - first.problems.keys()
        kept = {name: each for name, each in found.problems.items() if name not in passing}
        found = replace(found, problems=kept)
    # a maintenance, or a deploy, may have begun meanwhile, or NGINX is on another host
    return host.silence() or (MAINTENANCE if found.maintenance else ""), found


def _report(host: Host, settings: Settings) -> report.Report:
    url = ["--url", settings.url] if settings.url else []
    found = report.run([*host.doctor, *url])
    if settings.warnings:
        return found
    errors = {name: each for name, each in found.problems.items() if each.status == "error"}
    return replace(found, problems=errors)


def _deliver_all(path: Path, state: store.State, settings: Settings) -> int:
    """Deliver what waits, the oldest first, and write the state after each delivery."""
    for waiting in state.waiting:
        left, error = [], ""
        for channel in waiting.channels:
            if channel in settings.channels:  # the inventory may have another one by now
                reason = _deliver(waiting.message, channel, settings)
                left += [channel] if reason else []
                error = reason or error
        after = [replace(waiting, channels=tuple(left), error=error)] if left else []
        rest = [other for each in state.waiting for other in (after if each is waiting else [each])]
        state = replace(state, waiting=tuple(rest))
        store.save(path, state)
    return FAILED if state.waiting else 0


def _deliver(text: message.Message, channel: str, settings: Settings) -> str:
    """Deliver a message and print the result. Return "", or why it was not delivered."""
    try:
        deliver(text, channel, settings)
    except Undelivered as error:
        print(f"Not sent to {channel}, which is tried again: {error}", file=sys.stderr)
        return f"{channel}: {error}"
    print(f"Sent to {channel}.")
    return ""
