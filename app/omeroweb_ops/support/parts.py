"""Collect the parts of the archive. A part that cannot be read has the reason as its text."""

from __future__ import annotations

import argparse
import io
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import distributions

from ..commands import config, release
from ..locations import Locations
from ..state.engine import Engine
from . import archive

_LOGS = ("OMEROweb.log", "OMEROweb.log.1", "clearsessions.log")
# Variables whose values help and are no secret; of all others only the names.
_SHOWN = ("OMERODIR", "LANG", "LC_ALL", "PATH", "TZ", "OMERO_USERDIR", "TMPDIR", "PYTHONSAFEPATH")


def collect(engine: Engine) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each part, not masked yet."""
    yield "versions.txt", _tried(_versions)
    yield "status.txt", _printed(lambda: _status(engine))
    yield "doctor.json", _printed(lambda: _doctor(engine))
    yield "configuration.txt", _printed(lambda: _command(engine, "config", "show"))
    yield "configuration-plan.txt", _printed(lambda: _command(engine, "config", "plan"))
    yield "releases.txt", _printed(lambda: _command(engine, "release", "list"))
    yield "environment.txt", _environment()
    yield from _logs(engine.locations)


def _status(engine: Engine) -> int:
    from ..status import command

    return command.run(engine, json=False)


def _doctor(engine: Engine) -> int:
    from ..doctor import command

    return command.run(engine, None, None, json=True)


def _command(engine: Engine, *words: str) -> int:
    """Run a command as the command line does."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    config.add(commands, internal=False)
    release.add(commands, internal=False)
    options = parser.parse_args(words)
    return int(options.run(engine, options))


def _printed(run: Callable[[], int]) -> str:
    """Return what a command prints, and its exit status."""
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        try:
            status = str(run())
        except Exception as error:  # whatever is broken may be why somebody needs support
            status = f"{type(error).__name__}: {error}"
    return f"{output.getvalue()}\n(exit status {status})\n"


def _tried(look: Callable[[], str]) -> str:
    try:
        return look()
    except Exception as error:  # as above
        return f"not known: {type(error).__name__}: {error}\n"


def _versions() -> str:
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.platform())
    lines = [system, f"{platform.machine()}, Linux {platform.release()}"]
    lines += [f"Python {platform.python_version()}", ""]
    packages = {f"{each.metadata['Name']} {each.version}" for each in distributions()}
    return "\n".join([*lines, *sorted(packages, key=str.lower)]) + "\n"


def _environment() -> str:
    lines = [
        f"{name}={value if name in _SHOWN else '(not shown)'}"
        for name, value in sorted(os.environ.items())
    ]
    return "\n".join(lines) + "\n"


def _logs(locations: Locations) -> Iterator[tuple[str, str]]:
    for name in _LOGS:
        path = locations.logs / name
        if path.exists():
            yield name.replace(".log.1", ".1.log"), _tried(lambda path=path: archive.log_end(path))  # type: ignore[misc]
