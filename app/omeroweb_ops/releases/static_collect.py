"""Collect the static files of a release before a page names them.

Neither the release nor the configuration needs to be active.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from .. import tracebacks
from ..locations import CURRENT
from ..processes import end_with_parent
from ..property_names import APPS, STATIC_ROOT, STATICFILE_DIRS
from ..state.engine import Engine
from . import static_compress
from .staging import staged

COLLECT_TIMEOUT = 300.0  # seconds, for many files on a slow disk
DEPENDS_ON = (APPS, STATICFILE_DIRS, STATIC_ROOT)


def due(engine: Engine, properties: Mapping[str, str]) -> str | None:
    """Return the digest of the static files to collect with these properties; None: nothing to do.

    The deploy writes the digest, as root, to the file `collected` of the release.
    """
    wanted = engine.digest(DEPENDS_ON, properties)
    collected = Path(sys.prefix, "collected")
    return None if collected.exists() and collected.read_text().strip() == wanted else wanted


def collect(
    engine: Engine, properties: Mapping[str, str], archive: IO[bytes] | None = None
) -> None:
    """Collect static files with a copy of the configuration, and compress them for NGINX.

    archive: the stream for a tar archive, from which root takes the files into the release; None
    to collect into the site's own directory.

    Raises ValueError with the reason.
    """
    if archive is None:
        root = static_root(properties.get(STATIC_ROOT) or str(engine.locations.static))
        _collect(engine, properties, root)
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "static")
        _collect(engine, properties, root)
        with tarfile.open(fileobj=archive, mode="w|") as tar:
            for path in sorted(root.iterdir()):
                tar.add(path, arcname=path.name)


def _collect(engine: Engine, properties: Mapping[str, str], root: Path) -> None:
    with staged(properties, engine.locations) as environment:
        reason = _failure(
            [sys.executable, "-m", "django", "collectstatic", "--noinput", "-v", "0"],
            {
                **environment,
                "DJANGO_SETTINGS_MODULE": f"{__package__}.static_settings",
                "OMEROWEB_OPS_STATIC": str(root),
            },
            lambda text: engine.redacted(text, properties),
        )
    if reason:
        raise ValueError(
            "cannot collect static files with this configuration; the active one stays in use: "
            + reason
        )
    static_compress.prepare(root, engine.locations.static)


def _failure(
    command: Sequence[str], environment: Mapping[str, str], redact: Callable[[str], str] = str
) -> str | None:
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=COLLECT_TIMEOUT,
            preexec_fn=end_with_parent,
        )
    except subprocess.TimeoutExpired:
        return f"not within {COLLECT_TIMEOUT:g} s"
    return (
        tracebacks.from_output(redact(done.stderr), "no reason given") if done.returncode else None
    )


def static_root(configured: str) -> Path:
    """Return the directory for static files: this release's, if the active one's is configured."""
    inside = os.path.relpath(configured, CURRENT)
    return Path(configured) if inside.startswith("..") else Path(sys.prefix, inside)
