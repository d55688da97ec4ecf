"""Try a configuration in a process of its own, with a copy of config.xml, before it serves.

`python -m omeroweb_ops.trial`: Django's own checks, the session store, the site's own templates and
the login page; exit status 1 and the reason where something breaks. Running workers and
OMERODIR are not touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from .locations import Locations
from .ready import LOGIN, known_name
from .state import config_xml
from .state.branding import FOLDER
from .state.desired import Desired, Finding
from .state.engine import Engine, Invalid
from .state.known import installed, packages
from .state.plan import Plan, without_secrets

_SAYING = "OMERO.web does not start with it"


def accept(engine: Engine, desired: Desired) -> Plan:
    """The plan, once nothing speaks against it: each property, all together, and a trial of
    OMERO.web with a copy of the configuration, where one is there already.

    Raises Invalid with every mistake. Nothing changes, in OMERODIR or in what serves.
    """
    steps = engine.plan(desired)
    findings: list[Finding] = [each for each in engine.check(desired) if each.error]
    if not findings and engine.current and installed():
        after = steps.result(engine.current)
        reason = failure(after, engine.locations)
        if reason:
            reason = without_secrets(reason, after, engine.schema)
            changed = ", ".join(change.name for change in steps.changes)
            findings.append(Finding(changed or str(engine.locations.config_xml), reason))
    if findings:
        raise Invalid(findings)
    return steps


def failure(properties: Mapping[str, str], locations: Locations) -> str | None:
    """Why OMERO.web does not start with these properties; None where it does.

    Tried once: the same properties with the same packages are taken as good the next time.
    """
    tried = _identity(properties)
    try:
        if locations.tried.read_text(encoding="ascii") == tried:
            return None
    except FileNotFoundError:
        pass
    with tempfile.TemporaryDirectory() as staged:
        copy = Locations(Path(staged), locations.desired_state)
        copy.config_xml.parent.mkdir(parents=True)
        config_xml.write(copy.config_xml, properties)
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            env={**os.environ, "OMERODIR": staged},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        said = done.stderr[max(done.stderr.rfind(_SAYING), 0) :]  # what the apps print comes before
        return " ".join(said.split()) or "no reason given"
    config_xml.replace(locations.tried, tried.encode())
    return None


def _identity(properties: Mapping[str, str]) -> str:
    text = json.dumps([packages(), dict(properties)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> int:
    """Run the trial; returns the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omeroweb.settings")
    try:
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.template.loader import get_template
        from django.test import Client

        django.setup()
        call_command("check", verbosity=0)
        # with a session store that does not answer nobody could log in
        import_module(settings.SESSION_ENGINE).SessionStore().exists("trial")
        for name in _templates(settings.TEMPLATE_DIRS):
            try:
                get_template(name)
            except Exception as error:
                raise ValueError(f"template {name}: {error}") from error
        host = known_name(settings.ALLOWED_HOSTS)
        status = Client().get(LOGIN, headers={"host": host}).status_code
    except Exception as error:  # whatever an app or Django meets is the reason
        print(f"{_SAYING}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if status >= 500:
        print(f"{_SAYING}: its login page answers {status}", file=sys.stderr)
        return 1
    return 0


def _templates(folders: Iterable[str]) -> Iterator[str]:
    """Names of the templates of web_branding: a broken one shows only when it is asked for."""
    for folder in map(Path, folders):
        if folder.is_relative_to(FOLDER):
            for path in sorted(folder.rglob("*.html")):
                yield path.relative_to(folder).as_posix()


if __name__ == "__main__":
    sys.exit(main())
