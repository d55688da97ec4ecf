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
    assert item_error(name, json.loads(default or "[]")) is None
    assert item_error(name, [SHAPES[name].example]) is None


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
        ("omero.web.server_list", ["host", "port", "omero"], "4064"),
        ("omero.web.server_list", ["host"], "4064"),
        ("omero.web.server_list", ["host", 4064, 1], "4064"),
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
    message = item_error(name, [item])
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
    assert item_error(name, [item]) is None


def test_a_plugin_s_list_takes_items_of_any_form() -> None:
    """omero.web.gallery.filter_keys has names by default, and dictionaries by its documentation."""
    assert item_error("omero.web.plug.things", [1, "a", None, {"label": "b"}]) is None


@pytest.mark.parametrize("item", [["host", 4064], ["host", "4064"], ["wss://host", "443", "omero"]])
def test_a_server_may_have_no_name_and_its_port_may_be_text(item: Any) -> None:
    """As omeroweb.settings.load_server_list reads them."""
    assert SCHEMA["omero.web.server_list"].encode([item]) == json.dumps([item])
