"""The items of list properties: what is taken, what is refused, and what to write instead."""

from __future__ import annotations

import json
from typing import Any

import pytest
from omeroweb_ops.state.list_items import SHAPES, item_error

from tests.unit.helpers import SCHEMA

LISTS = sorted(name for name, prop in SCHEMA.items() if prop.kind == "list")


@pytest.mark.parametrize("name", LISTS)
def test_every_list_of_the_release_has_a_form_that_its_default_and_its_example_have(
    name: str,
) -> None:
    default = SCHEMA[name].default
    assert item_error(name, json.loads(default or "[]"), None) is None
    assert item_error(name, [SHAPES[name].example], None) is None


@pytest.mark.parametrize(
    ("name", "item", "instead"),
    [
        # as printed for a shell in the documentation
        ("omero.web.apps", '"corsheaders"', "'corsheaders'"),
        (
            "omero.web.middleware",
            '{"index": 0.5, "class": "corsheaders.middleware.CorsMiddleware"}',
            "{'index': 0.5, 'class': 'corsheaders.middleware.CorsMiddleware'}",
        ),
        ("omero.web.middleware", {"class": "a.B"}, "'index': 7"),
        ("omero.web.apps", ["omero_figure"], "'omero_figure'"),
        ("omero.web.server_list", ["host", "4064", "omero"], "4064"),
        ("omero.web.server_list", ["host", 4064], "4064"),
        ("omero.web.server_list", ["host", True, "omero"], "4064"),
        ("omero.web.ui.top_links", "Figure", "'https://example.org'"),
        ("omero.web.ui.top_links", ["Figure"], "'https://example.org'"),
        ("omero.web.admins", "ada@example.org", "['Ada', 'ada@example.org']"),
        ("omero.web.django_additional_settings", ["A", 1, 2], "['NAME', 'value']"),
        ("omero.web.ui.metadata_panes", {"name": "tag"}, "'label': 'Tags'"),
        ("omero.web.cors_origin_whitelist", 5, "'https://viewer.example.org'"),
    ],
)
def test_an_item_of_another_form_is_answered_with_the_one_to_write(
    name: str, item: Any, instead: str
) -> None:
    message = item_error(name, [item], None)
    assert message
    assert message.startswith(repr(item))
    assert instead in message.partition("Example: ")[2]
    with pytest.raises(ValueError, match="Example: "):
        SCHEMA[name].encode([item])


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("omero.web.ui.top_links", ["Mine", {"viewname": "webindex"}, {"title": "x"}]),
        ("omero.web.middleware", {"index": 0.5, "class": "a.b.C"}),
        ("omero.web.staticfile_dirs", ["prefix", "/srv/static"]),
        ("omero.web.django_additional_settings", ["ANY", {"thing": None}]),
    ],
)
def test_the_documented_forms_are_taken(name: str, item: Any) -> None:
    assert item_error(name, [item], None) is None


@pytest.mark.parametrize(("item", "wrong"), [("b", None), (5, "Example: 'a'")])
def test_a_plugin_s_list_takes_items_like_its_default_s(item: Any, wrong: str | None) -> None:
    message = item_error("omero.web.plug.things", [item], '["a"]')
    assert message is None if wrong is None else wrong in (message or "")


def test_a_list_of_which_nothing_is_known_takes_anything() -> None:
    assert item_error("omero.web.plug.things", [1, "a", None], "[]") is None
    assert item_error("omero.web.plug.things", [1, "a", None], "no list") is None
