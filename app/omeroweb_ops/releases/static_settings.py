"""Django's settings for `collectstatic` alone: OMERO.web's, into a release that may not serve yet.

omero.web.static_root names the release that serves, by its link.
"""

import os

from omeroweb.settings import *  # noqa: F403

STATIC_ROOT = os.environ["OMEROWEB_OPS_STATIC"]
