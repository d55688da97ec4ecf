"""The image's command: apply the configuration from the environment, then become gunicorn."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from ..locations import BASE
from ..shared import regular_file
from ..state import derived, plugin_catalogue
from ..state.engine import Engine, Invalid
from . import environment

FILES = BASE / "config"  # where the official image looks for *.omero files
WRITABLE = ("grid", "log", "sessions", "omero", "tmp")


def serve(engine: Engine) -> int:
    """Apply the configuration and become gunicorn. Raises Invalid with every error."""
    var = engine.locations.omerodir / "var"
    for name in WRITABLE:
        (var / name).mkdir(mode=0o700, exist_ok=True)
    # The root file system may be read-only, but Python needs a directory for temporary files.
    os.environ.setdefault("TMPDIR", str(var / "tmp"))
    files = {path.name: path.read_text("utf-8") for path in sorted(FILES.glob("*.omero"))}
    chosen, unknown = environment.plugins(os.environ)
    schema = plugin_catalogue.with_properties(engine.schema, chosen)
    variables, secret, unread = environment.from_files(os.environ)
    wanted, findings = environment.read(variables, files, schema)
    wanted = replace(wanted, secret=secret)
    findings = [*unknown, *unread, *findings, *plugin_catalogue.unmet(chosen, wanted)]
    if findings:
        raise Invalid(findings)
    # A proxy in front does not have the image's static files, so OMERO.web serves them itself.
    around = derived.DeploymentContext(front_elsewhere=True, serves_static=True, plugins=chosen)
    desired = derived.with_derived(wanted, around, engine.locations)
    engine.note_secret(desired)
    engine.plan(desired)  # each property by itself
    together = engine.check(desired)
    if any(each.is_error for each in together):
        raise Invalid(each for each in together if each.is_error)
    for warning in together:
        print(f"omeroweb-ops: warning: {warning}", file=sys.stderr)
    regular_file.replace(engine.locations.desired_state, desired.dump().encode())
    engine.apply(desired)
    return _become_gunicorn()


def _become_gunicorn() -> int:
    program = Path(sys.prefix) / "bin" / "gunicorn"
    # CONFIG_ variables may have secrets. They are in config.xml now, so workers do not need them.
    for name in [name for name in os.environ if name.startswith(environment.VARIABLE_PREFIX)]:
        del os.environ[name]
    sys.stdout.flush()
    os.execv(
        program,
        [str(program), "--config", str(BASE / "gunicorn.conf.py"), "omeroweb.wsgi:application"],
    )
