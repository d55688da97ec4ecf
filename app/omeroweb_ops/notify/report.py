"""Run the doctor as another user, with limits, and parse its answer as untrusted input."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any

TIMEOUT = 150.0  # seconds; the doctor ends by itself after 100
_MAX_SIZE = 200_000  # bytes of its output
_MAX_CHECKS = 60
_MAX_TEXT = 600  # characters of a message
DOCTOR = "doctor"  # the name of the check that the doctor itself runs
_CANNOT_RUN = "omeroweb-ops doctor (as root on the host); it prints the reason"


@dataclass(frozen=True)
class Problem:
    """What is wrong with a check. status: error or warning. setting: what to change, or ""."""

    status: str
    message: str
    setting: str = ""


@dataclass(frozen=True)
class Report:
    """The doctor's report. complete: False if the doctor could not run, and knows no check.

    maintenance: the site shows the page of a planned maintenance.
    """

    problems: dict[str, Problem] = field(default_factory=dict)
    complete: bool = True
    maintenance: bool = False
    url: str = ""


def run(command: Sequence[str]) -> Report:
    """Run the doctor and return its report. A doctor that cannot run is a problem itself."""
    try:
        status, output, errors = _limited(command)
    except OSError as error:
        return _unable(f"{command[0]}: {error.strerror}")
    try:
        if status in (0, 1):
            return parse(output)
    except (KeyError, TypeError, ValueError, RecursionError):
        errors = errors or "its answer cannot be read"
    killed = status in (124, 137) or status < 0
    reason = "it did not end in time, or was killed" if killed else _last_line(errors)
    return _unable(reason or f"exit status {status}")


def parse(text: str) -> Report:
    """Parse `doctor --json`. Raises KeyError, TypeError and ValueError."""
    data = json.loads(text)
    problems: dict[str, Problem] = {}
    maintenance = False
    for check in list(data["checks"])[:_MAX_CHECKS]:
        name, status = plain(check["name"], 60), check["status"]
        maintenance = maintenance or name == "maintenance"
        if status not in ("error", "warning"):
            continue
        worse = name in problems and problems[name].status == "error"
        if not worse:
            message, setting = plain(check["message"]), plain(check["setting"], 200)
            problems[name] = Problem(status, message, setting)
    return Report(problems, maintenance=maintenance, url=plain(data["url"], 200))


def plain(value: Any, limit: int = _MAX_TEXT) -> str:
    """Return text as one line without control characters. Raises TypeError if it is not text."""
    if not isinstance(value, str):
        raise TypeError(f"not text: {type(value).__name__}")
    shown = "".join(each if each.isprintable() else " " for each in value[: 4 * limit])
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _unable(reason: str) -> Report:
    message = f"the checks cannot run on this host: {reason}"
    return Report({DOCTOR: Problem("error", message, _CANNOT_RUN)}, complete=False)


def _last_line(errors: str) -> str:
    lines = [plain(line) for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _limited(command: Sequence[str]) -> tuple[int, str, str]:
    """Return exit status, output and errors of a command, each limited in size.

    The sandbox of the command ends its processes when it gets SIGTERM, which `timeout` sends.
    """
    process = subprocess.Popen(
        ["timeout", "-k", "10", f"{TIMEOUT:g}", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        texts = _read(process, time.monotonic() + TIMEOUT + 15)
        status = process.wait(20)
        # a command whose output is cut may end by itself before it is ended
        cut = any(len(text.encode(errors="replace")) >= _MAX_SIZE for text in texts)
        return 137 if cut else status, *texts
    except subprocess.TimeoutExpired:
        return 124, "", ""
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _read(process: subprocess.Popen[bytes], end: float) -> tuple[str, str]:
    """Read both streams until their end, but no more than the limits."""
    streams: list[IO[bytes]] = [each for each in (process.stdout, process.stderr) if each]
    found = {each.fileno(): b"" for each in streams}
    with selectors.DefaultSelector() as selector:
        for each in found:
            selector.register(each, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < end:
            for key, _events in selector.select(1):
                part = os.read(key.fd, 65536)
                found[key.fd] += part
                if not part:
                    selector.unregister(key.fd)
            if max(map(len, found.values())) > _MAX_SIZE:
                process.terminate()  # `timeout` ends the command
                break
    output, errors = (text[:_MAX_SIZE].decode(errors="replace") for text in found.values())
    for stream in streams:
        stream.close()
    return output, errors
