"""gunicorn: its settings from OMERO.web's properties, its hooks and its worker class.

`settings` is a stored name: gunicorn.conf.py on hosts calls it, of this or another version.
"""

from .config import settings

__all__ = ["settings"]
