"""Record the path of the login page, which only a running OMERO.web knows."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .. import login_page
from ..locations import Locations
from ..shared import regular_file


def writer(locations: Locations) -> Callable[[Any], None]:
    """Return a post_worker_init hook that writes the path of omero.web.login_view to a file."""

    def write(worker: Any) -> None:
        try:
            path = login_page.view_path()
            if path != login_page.path(locations):
                own = locations.login_path.with_name(f"{locations.login_path.name}.{worker.pid}")
                regular_file.replace(own, path.encode("ascii"), sync=False)
                os.replace(own, locations.login_path)
        except Exception as error:  # a view that does not exist, a full disk
            worker.log.warning("omero.web.login_view: %s: %s", type(error).__name__, error)

    return write
