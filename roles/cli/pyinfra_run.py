"""Run pyinfra in this process, and keep what it knows about the hosts afterwards."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import click

from . import exit_status
from .destination import PROJECT

if TYPE_CHECKING:
    from pyinfra.api import State

DEPLOY = str(PROJECT / "deploy.py")
INTERVAL = 10.0  # seconds between two lines of a run without output
_NO_HOSTS = "No hosts remaining!"  # which the reasons of the hosts explain
_END = "--> Disconnecting from hosts..."


@dataclass(frozen=True)
class Message:
    """A line that pyinfra would print, without colours. host: its name, or "" for no host."""

    level: int
    host: str
    text: str


@dataclass(frozen=True)
class Run:
    """What a run of pyinfra has found.

    status: pyinfra's exit status, and 1 if there was no host. hosts: their names, without those
    that `--limit` excludes. failed: the hosts that could not be reached or that failed.
    """

    status: int
    hosts: tuple[str, ...]
    failed: frozenset[str]
    messages: tuple[Message, ...]
    state: State | None

    def reason(self, host: str) -> str:
        """Return why a host failed, from pyinfra's messages."""
        found = [
            each.text
            for each in self.messages
            if each.host == host
            and each.level > logging.INFO
            and not each.text.startswith("Error: could not load fact")
        ]
        return "; ".join(found) or "pyinfra gave no reason"

    def problems(self) -> list[str]:
        """Return the errors and warnings that are of no host, without the line of the code."""
        return [
            re.sub(r"^pyinfra error in \S+ line \d+: ", "", each.text)
            for each in self.messages
            if not each.host and each.level > logging.INFO and not each.text.endswith(_NO_HOSTS)
        ]


class _Capture(logging.Filter):
    """Keeps pyinfra's messages instead of printing them."""

    def __init__(self, *, reports_time: bool) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.reports_time = reports_time
        self.is_over = False  # what connectors say at the end is of no interest

    def filter(self, record: logging.LogRecord) -> bool:
        text = click.unstyle(record.getMessage()).strip()
        found = re.match(r"\[([^]\s]+)\] +(.*)", text, re.DOTALL)
        host, text = (found[1], found[2]) if found else ("", text)
        self.is_over = self.is_over or text == _END
        if self.is_over and record.levelno <= logging.INFO:
            return False
        self.messages.append(Message(record.levelno, host, text.removeprefix("--> ")))
        return False


def show(*arguments: str) -> int:
    """Run pyinfra with its own output and return the exit status: 1 if no host takes part."""
    run = _run(arguments, None)
    if not run.status and run.state is not None and not run.state.op_meta:
        print("run: nothing is done: the hosts are in none of the groups for this", file=sys.stderr)
        return exit_status.ERROR
    return run.status


def ask(*arguments: str, is_silent: bool = True) -> Run:
    """Run pyinfra without output, and without changes: the arguments say what is looked at.

    is_silent: nothing else prints meanwhile, so that a long run prints its time.
    """
    capture = _Capture(reports_time=is_silent)
    logging.getLogger("pyinfra").addFilter(capture)
    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # it would print tracebacks
    with contextlib.redirect_stdout(_Null()):
        return _run(("--dry", "--json", *arguments), capture)


class _Null(io.StringIO):
    """Standard output of a run whose JSON nobody reads."""

    def reconfigure(self, **_options: object) -> None:
        """pyinfra asks for line buffering."""


def _run(arguments: Sequence[str], capture: _Capture | None) -> Run:
    main = _prepare()
    import gevent

    if capture and capture.reports_time:
        gevent.spawn(_report, capture)
    sys.argv = ["pyinfra", *arguments]
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    from pyinfra.context import ctx_state

    state: State | None = ctx_state.get() if ctx_state.isset() else None
    hosts: tuple[str, ...] = ()
    failed: frozenset[str] = frozenset()
    if state is not None and state.initialised:
        hosts = tuple(each.name for each in state.inventory if state.is_host_in_limit(each))
        failed = frozenset(each.name for each in state.failed_hosts)
        if not hosts and not status:
            print(
                "run: no host: the inventory has none, or --limit or --exclude leaves none",
                file=sys.stderr,
            )
            status = 1
    return Run(status, hosts, failed, tuple(capture.messages if capture else ()), state)


def _report(capture: _Capture) -> None:
    """Print every INTERVAL that the run without output continues, and what it did last."""
    import gevent

    began = time.monotonic()
    while not capture.is_over:
        gevent.sleep(INTERVAL)
        last = capture.messages[-1] if capture.messages else Message(logging.INFO, "", "start")
        host = f"{last.host}: " if last.host else ""
        print(
            f"run: running for {time.monotonic() - began:.0f} s; the last step: {host}{last.text}",
            file=sys.stderr,
        )


def _prepare() -> Callable[[], Any]:
    """Return pyinfra's main function. pyinfra_cli replaces parts of the standard library."""
    import pyinfra_cli.cli
    import pyinfra_cli.main

    command = pyinfra_cli.cli.cli
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        command.context_settings["color"] = False

    def run() -> None:
        signal.signal(signal.SIGINT, _interrupt)  # pyinfra's own handler ends with status 0
        command()

    pyinfra_cli.main.cli = run
    main: Callable[[], Any] = pyinfra_cli.main.main
    return main


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    print("run: interrupted", file=sys.stderr)
    sys.exit(exit_status.INTERRUPTED)


if __name__ == "__main__":  # pyinfra itself, with NO_COLOR
    sys.exit(_prepare()())
