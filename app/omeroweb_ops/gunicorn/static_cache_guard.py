"""Keep pages of a new release back while NGINX may still serve files of the previous release.

NGINX keeps static files open, and looks at their paths again after STATIC_CACHE_VALID. Browsers
keep a file with a version in its name for a year. So no page may name the new version before NGINX
serves the new file.
"""

from __future__ import annotations

import os
import time

from ..locations import CURRENT
from ..shared.static_cache import STATIC_CACHE_VALID

_CLOCK = 0.05  # seconds that a file's time may be late: the kernel's clock has ticks


def wait_for_static_files(_worker: object) -> None:
    """post_worker_init hook. Wait until the link to the release is older than NGINX's cache.

    The release's static files become active with the link. A worker takes longer than that to load
    OMERO.web, so it hardly ever waits.
    """
    try:
        changed = os.lstat(CURRENT).st_ctime
    except OSError:  # not on a host of the bundle
        return
    left = changed + STATIC_CACHE_VALID + _CLOCK - time.time()
    if 0 < left <= STATIC_CACHE_VALID + _CLOCK:  # more: the clock has been set back
        time.sleep(left)
