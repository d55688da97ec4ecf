"""Try a configuration in a separate process, with a copy of config.xml, before it is active.

`python -m omeroweb_ops.releases.trial SOCKET` runs Django's checks, the session store and the
site's own templates, then a separate gunicorn on a private socket for the login page. If one fails,
it prints the reason and exits with status 1. Running workers and OMERODIR are not touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import IO

from .. import login_page, tracebacks
from ..locations import Locations
from ..login_page import host_header
from ..processes import end_with_parent
from ..property_names import (
    ALLOWED_HOSTS,
    APPS,
    LOGIN_VIEW,
    PREFIX,
    ROOT_APPLICATION,
    TEMPLATE_DIRS,
)
from ..shared import regular_file
from ..shared.finding import Finding
from ..state.branding import DIRECTORY
from ..state.desired import Desired
from ..state.engine import Engine, Invalid
from ..state.plan import Plan
from ..state.schema_cache import installed_version, virtualenv_fingerprint
from ..wait_ready import ask_socket, listens
from . import refused_values, sandbox_paths
from .staging import staged

_SAYING = "OMERO.web does not start with it"
_STORE = "the session store cannot be used (web_redis_url, redis_password or web_sessions)"
_OWN_PAGES = {TEMPLATE_DIRS, LOGIN_VIEW, ROOT_APPLICATION}
TRIAL_TIMEOUT = 60.0  # seconds until the first answer


def accept(engine: Engine, desired: Desired) -> Plan:
    """Return the plan for a desired state, if it is valid and OMERO.web starts with it.

    A first configuration without pages of the site's own is not tried, because the deploy waits for
    the login page. Raises Invalid with every error. Changes nothing in OMERODIR or in the active
    release.
    """
    steps = engine.plan(desired)
    findings: list[Finding] = [each for each in engine.check(desired) if each.is_error]
    findings += sandbox_paths.find(steps.result(engine.current), engine.locations.omerodir / "var")
    if not findings and installed_version():
        changed = ", ".join(change.name for change in steps.changes)
        result = steps.result(engine.current)
        findings = errors(
            engine,
            result,
            changed or str(engine.locations.config_xml),
            has_configuration=bool(engine.current) or not _OWN_PAGES.isdisjoint(result),
        )
    if findings:
        raise Invalid(findings)
    return steps


def errors(
    engine: Engine, properties: Mapping[str, str], subject: str, *, has_configuration: bool
) -> list[Finding]:
    """Return why OMERO.web does not start with these properties, without secrets.

    subject: of an error that concerns no single property. has_configuration: try OMERO.web also if
    no app's property must be set.
    """
    if _was_tried(engine, properties):
        return []
    refused = refused_values.find(engine, properties)
    if refused.is_set:  # every error at once
        return [*refused.is_set, *refused.required]
    if not (refused.required or has_configuration):
        return []
    reason = _failure(engine, properties)
    if reason is None:
        return []
    known = any(each.subject in reason for each in refused.required)
    return [*refused.required, *([] if known else [Finding(subject, reason)])]


def failure(engine: Engine, properties: Mapping[str, str]) -> str | None:
    """Return why OMERO.web does not start with these properties, without secrets; None if it does.

    A success is remembered: the same properties with the same packages are not tried again.
    """
    return None if _was_tried(engine, properties) else _failure(engine, properties)


def _failure(engine: Engine, properties: Mapping[str, str]) -> str | None:
    with staged(properties, engine.locations) as environment:
        reason = _run(environment, properties, lambda text: engine.redacted(text, properties))
    if reason is not None:
        return reason
    remember(engine, properties)
    return None


def remember(engine: Engine, properties: Mapping[str, str]) -> None:
    """Note that OMERO.web starts with these properties, so that they are not tried again."""
    regular_file.replace(engine.locations.tried, _identity(properties).encode())


def _was_tried(engine: Engine, properties: Mapping[str, str]) -> bool:
    try:
        return regular_file.read_text(engine.locations.tried) == _identity(properties)
    except FileNotFoundError:
        return False


def _run(
    environment: Mapping[str, str], properties: Mapping[str, str], redact: Callable[[str], str]
) -> str | None:
    socket = Path(environment["OMERODIR"]) / "trial.sock"
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(socket)],
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=said,
            preexec_fn=end_with_parent,
        )
        try:
            return _watched(process, socket, properties, said, redact)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _watched(
    process: subprocess.Popen[bytes],
    socket: Path,
    properties: Mapping[str, str],
    said: IO[str],
    redact: Callable[[str], str] = str,
) -> str | None:
    """Return None once the login page answers, else the reason why it does not.

    redact: removes secrets from a whole text; it would not find half a secret.
    """
    prefix = properties.get(PREFIX, "").rstrip("/")
    name = host_header(json.loads(properties.get(ALLOWED_HOSTS) or "[]"))
    end = time.monotonic() + TRIAL_TIMEOUT
    # gunicorn creates the socket file before it listens
    while not (listening := listens(socket)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    page = prefix + login_page.path(Locations(socket.parent, socket))
    problem = ask_socket(socket, page, name, end - time.monotonic()) if listening else ""
    if problem is None:
        return None
    if time.monotonic() >= end:
        problem = f"the login page does not answer within {TRIAL_TIMEOUT:g} s"
    said.seek(0)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)  # a worker that cannot start ends its master, too
        text = redact(said.read())
        if _SAYING in text:
            return " ".join(text[text.rfind(_SAYING) :].split()[:100])
        last = " ".join(text.split()[-100:]) or f"the trial ended with status {process.returncode}"
        return f"{_SAYING}: {tracebacks.from_text(text) or last}"
    logs = sorted(path for path in Path(socket.parent, "var/log").glob("*") if path.is_file())
    texts = [*(path.read_text(encoding="utf-8", errors="replace") for path in logs), said.read()]
    raised = filter(None, map(tracebacks.from_text, map(redact, texts)))
    return ": ".join([_SAYING, redact(problem), *list(raised)[:1]])


def _identity(properties: Mapping[str, str]) -> str:
    text = json.dumps([virtualenv_fingerprint(), dict(properties)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Unusable(Exception):
    """An error whose message is complete."""


def main() -> int:
    """Run the trial and return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omeroweb.settings")
    try:
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.template.loader import get_template

        django.setup()
        call_command("check", verbosity=0)
        try:  # nobody could log in without the session store
            import_module(settings.SESSION_ENGINE).SessionStore().exists("trial")
        except Exception as error:
            raise Unusable(f"{_STORE}: {tracebacks.summarize(error)}") from error
        for name in _templates(settings.TEMPLATE_DIRS):
            try:
                get_template(name)
            except Exception as error:
                raise Unusable(f"template {name}: {error}") from error
        _check_views()
    except BaseException as error:  # any error of an app or of Django, or sys.exit
        reason = str(error) if isinstance(error, Unusable) else tracebacks.summarize(error)
        print(f"{_SAYING}: {reason}", file=sys.stderr)
        return 1
    return _serve(sys.argv[1])


def _check_views() -> None:
    """Write the path of the login page, for the process that watches. Raises Unusable."""
    from django.apps import AppConfig
    from django.conf import settings
    from django.urls import NoReverseMatch

    try:
        path = login_page.view_path()
    except NoReverseMatch:
        known = "OMERO.web's own is weblogin"
        message = f"{settings.LOGIN_VIEW!r} is the name of no view of OMERO.web and its apps"
        raise Unusable(f"{LOGIN_VIEW}: {message}; {known}") from None
    Locations.from_environment().login_path.write_text(path, encoding="ascii")
    root = settings.OMEROWEB_ROOT_APPLICATION
    labels = [AppConfig.create(each).label for each in settings.ADDITIONAL_APPS]  # as its urls.py
    if root and root not in labels:
        message = f"{root!r} is the label of no app in {APPS}"
        raise Unusable(f"{ROOT_APPLICATION}: {message}; possible: {', '.join(labels) or 'none'}")


def _serve(socket: str) -> int:
    """Run gunicorn with one worker and the site's own settings, until it is ended."""
    from gunicorn.app.base import BaseApplication

    from ..gunicorn import settings as gunicorn_settings
    from ..gunicorn.post_fork import end_with_master

    class Trial(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            for name, value in gunicorn_settings().items():
                if not callable(value):  # hooks act on the running service, and on the site's files
                    self.cfg.set(name, value)
            self.cfg.set("post_fork", end_with_master)
            sys.path[:0] = (self.cfg.pythonpath or "").split(",") if self.cfg.pythonpath else []
            self.cfg.set("bind", f"unix:{socket}")
            self.cfg.set("workers", 1)
            self.cfg.set("accesslog", None)

        def load(self) -> object:
            from omeroweb.wsgi import application

            return application

    Trial().run()
    return 0


def _templates(folders: Iterable[str]) -> Iterator[str]:
    """Yield the names of web_branding's templates: Django finds an error only when it loads one."""
    for folder in map(Path, folders):
        if folder.is_relative_to(DIRECTORY):
            for path in sorted(folder.rglob("*.html")):
                yield path.relative_to(folder).as_posix()


if __name__ == "__main__":
    sys.exit(main())
