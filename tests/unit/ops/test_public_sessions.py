"""Whose session is forgotten."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from omeroweb_ops.ops.public_sessions import PublicSessionMiddleware

PUBLIC, OWN = {"is_public": True, "user_id": 5}, {"is_public": False, "user_id": 7}


class Session(dict[str, Any]):
    """As Django's: a key once it is stored."""

    session_key: str | None = None


def session_after(path: str, login: object, key: str | None = None) -> Session:
    """The session that Django's middleware finds behind a view that logs in."""
    request = SimpleNamespace(path_info=path, session=Session())
    request.session.session_key = key

    def view(asked: Any) -> str:
        if login is not None:
            asked.session["connector"] = login
        asked.session["can_create"] = False
        return "answer"

    assert PublicSessionMiddleware(view)(request) == "answer"
    found = request.session
    assert isinstance(found, Session)
    return found


@pytest.mark.parametrize(
    "path", ["/webgateway/render_thumbnail/1/", "/webclient/render_image_region/1/0/0/"]
)
def test_an_image_leaves_a_public_visitor_without_a_session(path: str) -> None:
    assert session_after(path, PUBLIC) == {}
    assert session_after(path, {"is_public": True, "user_id": None}) == {}


@pytest.mark.parametrize(
    ("path", "login", "key"),
    [
        ("/webclient/", PUBLIC, None),
        ("/webgateway/imgData/1/", PUBLIC, None),
        ("/x/webgateway/render_thumbnail/1/", PUBLIC, None),
        ("/webgateway/render_thumbnail/1/", PUBLIC, "of a page before"),
        ("/webgateway/render_thumbnail/1/", OWN, None),
        ("/webgateway/render_thumbnail/1/", OWN, "of a login before"),
        ("/webgateway/render_thumbnail/1/", None, None),
        ("/webgateway/render_thumbnail/1/", "forged", None),
    ],
)
def test_every_other_session_stays(path: str, login: object, key: str | None) -> None:
    assert session_after(path, login, key)["can_create"] is False
