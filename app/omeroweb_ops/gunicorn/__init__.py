"""Configure gunicorn: settings from OMERO.web's properties, hooks and worker class.

`settings` is a stored name: gunicorn.conf.py on hosts, also of another version, calls it.
"""

from .config import settings

__all__ = ["settings"]
