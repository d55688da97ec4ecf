"""No session of their own for the images that a public site shows to visitors.

OMERO.web begins a session for each request without one, and stores the session for a day. A page
elsewhere that shows thumbnails makes one with each of them, since browsers keep no cookie of
another site, and so does anybody who asks often. Django's sessions come before this class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..shared.public_paths import IMAGES

_IMAGE = re.compile(f"/(?:{IMAGES})")


class PublicSessionMiddleware:
    """Forgets the new session of a public visitor who has asked for an image."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Return OMERO.web's answer."""
        response = self.get_response(request)
        if _IMAGE.match(request.path_info) and _is_new_and_public(request.session):
            request.session = type(request.session)()  # empty: not stored, no cookie is set
        return response


def _is_new_and_public(session: Any) -> bool:
    """Return whether a session is stored nowhere yet and is not that of a login.

    OMERO.web keeps the login of a session as `connector` (omeroweb/connector.py).
    """
    login = session.get("connector")  # reads the store: a key that is unknown there is None after
    public = isinstance(login, Mapping) and bool(login.get("is_public"))
    return public and session.session_key is None
