"""List the secrets that this installation knows, in order to mask them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from ..locations import Locations
from ..shared import regular_file
from ..state.desired import Desired
from ..state.engine import Engine
from ..state.plan import secrets_of
from ..state.redaction import is_secret_name, secret_texts, texts
from ..state.snapshot import State

_MAX_SIZE = 100_000  # bytes of a file with a secret
_FOLDERS = (Path("/run/secrets"), Path("/opt/omero/keys"))  # of a container


def find(engine: Engine, environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the secrets of the configuration, its older states, key files and the environment.

    A file that cannot be read has no secret that another part could quote.
    """
    found: set[str] = set()
    for part in (
        _of_properties(engine),
        _of_desired(engine),
        _of_files(engine.locations),
        _of_environment(environment),
    ):
        with suppress(Exception):  # any broken file
            for each in part:
                found.add(each)
    # a password in a URL is encoded there, and not where a library quotes it
    found |= {unquote(each) for each in found}
    return frozenset(each for each in found if each.strip())


def _of_properties(engine: Engine) -> Iterator[str]:
    with suppress(Exception):
        yield from secrets_of(engine.current, engine.shown)
    folder = engine.locations.config_xml.parent
    for path in (engine.locations.previous, *folder.glob("omeroweb-ops.*.json")):
        with suppress(Exception):  # not a snapshot
            yield from secrets_of(State.read(path).properties, engine.shown)
    with suppress(Exception):
        record = regular_file.read_json(engine.locations.record)
        yield from secret_texts(record)


def _of_desired(engine: Engine) -> Iterator[str]:
    desired = Desired.load(engine.locations.desired_state)
    for name, value in desired.set.items():
        if name in engine.secret or is_secret_name(name):
            yield from texts(value)
        yield from secret_texts(value)


def _of_files(locations: Locations) -> Iterator[str]:
    folders = [each for each in _FOLDERS if each.is_dir()]
    files = [path for folder in folders for path in folder.iterdir()]
    for path in (locations.omerodir / "var" / "django_secret_key", *files):
        with suppress(OSError, UnicodeDecodeError):
            yield regular_file.read_text(path, _MAX_SIZE).strip()


def _of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if is_secret_name(name) and "/" not in name:
            yield value
        yield from secret_texts(value)
