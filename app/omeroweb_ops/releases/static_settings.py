"""Django settings for `collectstatic` only: OMERO.web's, with the directory of another release.

omero.web.static_root is in the active release, via its link.
"""

import os

from omeroweb.settings import *  # noqa: F403

STATIC_ROOT = os.environ["OMEROWEB_OPS_STATIC"]
