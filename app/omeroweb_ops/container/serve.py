"""The image's command: apply the configuration from the environment, then become gunicorn."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..locations import BASE, READY_NEEDS_SERVER, Locations
from ..property_names import SECRET_KEY
from ..releases import trial
from ..shared import front_door, regular_file
from ..shared.finding import Finding
from ..state import derived, gunicorn_options, plugin_catalogue
from ..state.branding import Branding
from ..state.desired import Desired
from ..state.engine import Engine, Invalid
from . import (
    environment,
    keys,
    omero_files,
    redis_wait,
    secret_files,
    site_files,
    site_settings,
)
from .server_properties import is_of_server

FILES = BASE / "config"  # where the official image looks for *.omero files
_WRITABLE = ("grid", "log", "sessions", "omero", "omero/tmp", "tmp", "metrics", "workers")
_IPV6 = Path("/proc/net/if_inet6")  # ipv6(7): the system has IPv6
_LOG = "log/clearsessions.log"
# Locks that only their owner may open. After a start with another uid, nobody holds them.
_LOCKS = ("clearsessions.lock", "grid/omeroweb-ops.lock")
_DJANGO_KEY = "django_secret_key"  # of omeroweb/settings.py


def serve(engine: Engine) -> int:
    """Apply the configuration and become gunicorn. Raises Invalid with every error."""
    make_directories(engine.locations)
    if site_files.APPS.is_dir():  # a mounted app may have changed since the last start
        engine.locations.schema.unlink(missing_ok=True)
    desired, own = configuration(engine, os.environ)
    _try(engine, desired)
    site_files.write(own, desired.set, engine.locations)
    regular_file.replace(engine.locations.desired_state, desired.dump().encode())
    engine.apply(desired)
    redis_wait.wait(desired.set)
    if SECRET_KEY not in desired.set:
        with suppress(keys.Unusable):  # then Django makes one, for its own user only
            keys.provide(engine.locations.omerodir / "var" / _DJANGO_KEY)
    return _become_gunicorn()


def _try(engine: Engine, desired: Desired) -> None:
    """Raise Invalid if an app's own function refuses the value of one of its properties.

    `configuration` does not, because an image is built without the values of its containers.
    """
    properties = engine.plan(desired).result(engine.current)
    found = trial.errors(engine, properties, "the configuration", has_configuration=False)
    if found:
        raise Invalid(found)


def make_directories(locations: Locations) -> None:
    """Make the directories that OMERO.web writes to, for this user and the next one.

    The next container of a volume may have another uid, with the same group 0. Raises Invalid.
    """
    var = locations.omerodir / "var"
    try:
        for name in _WRITABLE:
            (var / name).mkdir(mode=0o770, exist_ok=True)
        (var / _LOG).touch(0o660)
        for path in map(var.joinpath, _LOCKS):
            if path.exists() and path.stat().st_uid != os.geteuid():
                path.unlink()
    except OSError as error:
        who = f"uid {os.geteuid()}, gid {os.getegid()}"
        reason = f"cannot be written by {who} ({error.strerror}); mount a volume that this user or "
        raise Invalid([Finding(str(error.filename), f"{reason}group 0 may write to")]) from None
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
    wanted, unusable = _with_shared_key(wanted)
    findings = [*unread, *wrong, *unknown, *unusable, *missing.values(), *findings]
    findings += site_settings.contradictions(site, wanted)
    findings += plugin_catalogue.unmet(plugins, wanted)
    arguments = variables.get(gunicorn_options.ENVIRONMENT, "")
    findings += gunicorn_options.findings(arguments, gunicorn_options.ENVIRONMENT)
    secret = wanted.set.keys() & {environment.decode(name) for name in from_files}
    wanted = replace(wanted, secret=sorted({*secret, *wanted.secret}))
    own = site_files.branding(site.branding, engine.locations)
    around = derived.DeploymentContext(
        redis=site.sessions.url,
        redis_user=site.sessions.user,
        redis_password=site.sessions.password,
        front_elsewhere=True,
        ipv6=_IPV6.exists(),
        # A proxy in front does not have the image's static files, so OMERO.web serves them itself.
        serves_static=True,
        tls=site.front.tls,
        origins=front_door.origins([site.front]),
        allowed_hosts=front_door.allowed_hosts([site.front]),
        cors_origins=site.cors_origins,
        cors_login=site.cors_login,
        branding=own,
        plugins=plugins,
        whitenoise_root=site_files.whitenoise_root(own, engine.locations),
    )
    desired = derived.with_derived(wanted, around, engine.locations)
    _report(engine, desired, findings)
    os.environ[READY_NEEDS_SERVER] = values.get(READY_NEEDS_SERVER) or "false"
    os.environ.update(site.processes)
    return desired, own


def _with_shared_key(wanted: Desired) -> tuple[Desired, list[Finding]]:
    """Return the desired state with the secret key that the containers of one machine share."""
    if SECRET_KEY in wanted.set:
        return wanted, []
    try:
        key = keys.read(keys.SECRET_KEY)
    except keys.Unusable as error:
        return wanted, [Finding(environment.encode(SECRET_KEY), str(error))]
    if key is None:
        return wanted, []
    return replace(wanted, set={**wanted.set, SECRET_KEY: key}, secret=[SECRET_KEY]), []


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
    # These variables may have secrets. They are in config.xml now, so workers do not need them.
    for name in filter(environment.is_secret, [*os.environ]):
        del os.environ[name]
    sys.stdout.flush()
    os.execv(
        program,
        [str(program), "--config", str(BASE / "gunicorn.conf.py"), "omeroweb.wsgi:application"],
    )
