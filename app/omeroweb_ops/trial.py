"""Try the configuration that stands in config.xml, in a process of its own, before it serves.

`python -m omeroweb_ops.trial`: Django's own checks, the site's own templates, then the login page;
exit status 1 and the reason where something breaks. Workers that are running are not touched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .ready import LOGIN
from .state.branding import FOLDER


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
        for name in _templates(settings.TEMPLATE_DIRS):
            try:
                get_template(name)
            except Exception as error:
                raise ValueError(f"template {name}: {error}") from error
        known = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
        status = Client().get(LOGIN, headers={"host": (known or ["localhost"])[0]}).status_code
    except Exception as error:  # whatever an app or Django meets is the reason
        print(f"OMERO.web does not start: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if status >= 500:
        print(f"OMERO.web's login page answers {status}", file=sys.stderr)
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
