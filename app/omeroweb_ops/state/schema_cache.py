"""Cache the schema of the installed OMERO.web and of the site's apps.

Reading it starts a Python with Django, which takes about a second. The cache is valid until
another\npackage is installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import tracebacks
from ..locations import Locations
from ..processes import end_with_parent, isolated
from ..shared import regular_file
from .derived import PUBLIC_SESSIONS, WHITENOISE
from .schema import DATA, Schema, from_data
from .settings_modules import Refusal

SITE_PACKAGES = Path(__file__).parents[2]
INTROSPECTION_TIMEOUT = 60.0  # seconds for every import together
# Of the release, or locked and tested with the release; they have no properties of their own.
LOCKED_APPS = ("corsheaders",)
LOCKED_MIDDLEWARE = (
    str(WHITENOISE["class"]),
    str(PUBLIC_SESSIONS["class"]),
    "corsheaders.middleware.CorsMiddleware",
    "corsheaders.middleware.CorsPostCsrfMiddleware",
)


def installed_version() -> str | None:
    """Return the version of the omero-web beside this package; None on a controller."""
    found = sorted(SITE_PACKAGES.glob("omero_web-*.dist-info"))
    return found[0].name.removeprefix("omero_web-").removesuffix(".dist-info") if found else None


def schema(
    locations: Locations, apps: Sequence[str] = (), middleware: Sequence[str] = ()
) -> tuple[Schema, dict[str, str]]:
    """Return the schema, and each app or class that cannot be imported, with the reason.

    Raises ValueError if the schema of the installed packages cannot be read.
    """
    apps = [app for app in apps if app not in LOCKED_APPS]
    middleware = [each for each in middleware if each not in LOCKED_MIDDLEWARE]
    version = installed_version()
    locked = json.loads(DATA.read_text(encoding="utf-8"))
    if version is None or (version == locked["omero-web"] and not apps and not middleware):
        return from_data(locked), {}
    key = json.dumps([apps, middleware])
    kept = _kept(locations.schema)
    if key not in kept:
        found = _read(apps, middleware)
        if "broken" in found:
            return from_data(found), found["broken"]
        # add it to the others: a command needs the release's own schema and the schema with its
        # apps
        kept[key] = found
        text = json.dumps(
            {"packages": virtualenv_fingerprint(), "schemas": kept}, ensure_ascii=False
        )
        with contextlib.suppress(OSError):  # the service may not write there and reads it each time
            regular_file.replace(locations.schema, text.encode())
    return from_data(kept[key]), {}


def current_release() -> str:
    """Return the name of the running release, which is its virtualenv's directory."""
    return Path(sys.prefix).resolve().name


def virtualenv_fingerprint() -> list[Any]:
    """Return a fingerprint that changes with the release and with its installed packages."""
    return [os.path.realpath(sys.prefix), SITE_PACKAGES.stat().st_mtime_ns]


def _kept(path: Path) -> dict[str, Any]:
    """Return the cached schemas, if they were read from the present packages."""
    try:
        content = regular_file.read_json(path)
        return dict(content["schemas"]) if content["packages"] == virtualenv_fingerprint() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def refusals(apps: Sequence[str], environment: Mapping[str, str]) -> list[Refusal]:
    """Return the values that the apps' own functions refuse.

    apps: those that the configuration in OMERODIR, of the environment, does not have. The list is
    empty if OMERO.web's own settings cannot be read: its trial finds the error.
    """
    found, _lines, _errors, _problem = _introspect([*apps, "--refused"], environment)
    return [Refusal(**each) for each in found["refused"]] if found else []


def _read(apps: Sequence[str], middleware: Sequence[str]) -> dict[str, Any]:
    more = ["--middleware", *middleware] if middleware else []
    found, lines, errors, problem = _introspect([*apps, *more], isolated(os.environ))
    if found:
        return found
    if len(lines) > 1 and (importing := lines[-2]):
        return {**json.loads(DATA.read_text(encoding="utf-8")), "broken": {importing: problem}}
    reason = tracebacks.from_output(errors.decode(errors="replace"), problem)
    raise ValueError(f"the installed OMERO.web cannot be read: {reason}")


def _introspect(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[dict[str, Any], list[str], bytes, str]:
    """Run the introspection. Return its result, which is empty if it failed, and how it ended."""
    output, errors, problem = _run(
        [sys.executable, "-m", f"{__package__}.schema_introspection", *arguments], environment
    )
    lines = output.decode().split("\n")
    found = json.loads("\n".join(lines[lines.index("{") :])) if "{" in lines else {}
    return found, lines, errors, problem


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[bytes, bytes, str]:
    """Run the introspection. Return its output, its and the apps' errors, and how it ended."""
    try:
        done = subprocess.run(
            command,
            env={**environment},
            cwd="/",
            capture_output=True,
            check=False,
            timeout=INTROSPECTION_TIMEOUT,
            preexec_fn=end_with_parent,
        )
    except subprocess.TimeoutExpired as late:
        return late.stdout or b"", b"", f"not finished within {INTROSPECTION_TIMEOUT:g} s"
    return done.stdout, done.stderr, f"its Python ended with status {done.returncode}"
