"""The image's command: apply the configuration from the environment, then become gunicorn."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..locations import BASE, READY_NEEDS_SERVER, Locations
from ..shared import regular_file
from ..shared.finding import Finding
from ..state import derived, plugin_catalogue
from ..state.branding import Branding
from ..state.desired import Desired
from ..state.engine import Engine, Invalid
from . import environment, omero_files, secret_files, site_files, site_settings
from .server_properties import is_of_server

FILES = BASE / "config"  # where the official image looks for *.omero files
WRITABLE = ("grid", "log", "sessions", "omero", "tmp")


def serve(engine: Engine) -> int:
    """Apply the configuration and become gunicorn. Raises Invalid with every error."""
    make_directories(engine.locations)
    if site_files.APPS.is_dir():  # a mounted app may have changed since the last start
        engine.locations.schema.unlink(missing_ok=True)
    desired, own = configuration(engine, os.environ)
    site_files.write(own, desired.set, engine.locations)
    regular_file.replace(engine.locations.desired_state, desired.dump().encode())
    engine.apply(desired)
    return _become_gunicorn()


def make_directories(locations: Locations) -> None:
    """Make the directories that OMERO.web writes to."""
    var = locations.omerodir / "var"
    for name in WRITABLE:
        (var / name).mkdir(mode=0o700, exist_ok=True)
    # The root file system may be read-only, but Python needs a directory for temporary files.
    os.environ.setdefault("TMPDIR", str(var / "tmp"))


def configuration(engine: Engine, variables: Mapping[str, str]) -> tuple[Desired, Branding | None]:
    """Return the desired state and the site's branding, from variables and files.

    Prints warnings. Raises Invalid with every error.
    """
    files, unread = omero_files.read(FILES)
    values, from_files, wrong = secret_files.read(
        variables,
        environment.is_variable,
        lambda name: not is_of_server(environment.decode(name), engine.schema),
    )
    site, unknown = site_settings.read(values)
    missing = dict(site_settings.missing(site))
    plugins = tuple(plugin for plugin in site.plugins if plugin.package not in missing)
    schema = plugin_catalogue.with_properties(engine.schema, plugins)
    wanted, findings = environment.read(values, files, schema)
    findings = [*unread, *wrong, *unknown, *missing.values(), *findings]
    findings += site_settings.contradictions(site, wanted)
    findings += plugin_catalogue.unmet(plugins, wanted)
    secret = wanted.set.keys() & {environment.decode(name) for name in from_files}
    wanted = replace(wanted, secret=sorted(secret))
    own = site_files.branding(site.branding, engine.locations)
    around = derived.DeploymentContext(
        front_elsewhere=True,
        # A proxy in front does not have the image's static files, so OMERO.web serves them itself.
        serves_static=True,
        cors_origins=site.cors_origins,
        cors_login=site.cors_login,
        branding=own,
        plugins=plugins,
        whitenoise_root=site_files.whitenoise_root(own, engine.locations),
    )
    desired = derived.with_derived(wanted, around, engine.locations)
    _report(engine, desired, findings)
    os.environ[READY_NEEDS_SERVER] = values.get(READY_NEEDS_SERVER) or "false"
    return desired, own


def _report(engine: Engine, desired: Desired, findings: list[Finding]) -> None:
    """Print warnings. Raises Invalid with every error."""
    engine.note_secret(desired)
    errors = [each for each in findings if each.is_error]
    try:
        engine.plan(desired)
    except Invalid as error:
        errors += error.findings
    together = engine.check(desired)
    errors += [each for each in together if each.is_error]
    for warning in [*findings, *together]:
        if not warning.is_error:
            print(f"omeroweb-ops: warning: {warning}", file=sys.stderr)
    if errors:
        raise Invalid(dict.fromkeys(errors))


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
