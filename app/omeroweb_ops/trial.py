"""Try the configuration that stands in config.xml, in a process of its own, before it serves.

`python -m omeroweb_ops.trial`: Django's own checks, then the login page; exit status 1 and the
reason where something breaks. Workers that are running are not touched.
"""

from __future__ import annotations

import os
import sys

from .ready import LOGIN, known_name


def main() -> int:
    """Run the trial; returns the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omeroweb.settings")
    try:
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.test import Client

        django.setup()
        call_command("check", verbosity=0)
        host = known_name(settings.ALLOWED_HOSTS)
        status = Client().get(LOGIN, headers={"host": host}).status_code
    except Exception as error:  # whatever an app or Django meets is the reason
        print(f"OMERO.web does not start: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if status >= 500:
        print(f"OMERO.web's login page answers {status}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
