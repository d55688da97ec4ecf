"""What is added to lists, and removed: by the meaning of each property's items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from omeroweb_ops.state import list_merge
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.list_items import SHAPES
from omeroweb_ops.state.schema import Property, Schema

from tests.unit.helpers import SCHEMA

LINES, LINKS, OF_PLUGIN = (
    "omero.web.nginx_server_extra_config",
    "omero.web.ui.top_links",
    "omero.web.ours.things",
)
BLOCKS = ["location /a/ {", "return 204;", "}", "location /b/ {", "return 204;", "}"]
WORDS = st.lists(st.sampled_from(["a", "b", "{", "}"]), max_size=6)
VALUES = st.lists(
    st.sampled_from(["a", 1, True, ["a", "b"], ["a", "c"], {"name": "a"}]), max_size=6
)


def merged(name: str, wanted: Desired, default: str = "[]", by_hand: str | None = None) -> Any:
    schema = Schema([Property(name, "list", default, "")])
    texts, findings = wanted.resolve(schema, Path("/omero"), by_hand={name: by_hand})
    assert findings == []
    return json.loads(texts[name])


@given(WORDS)
@example(BLOCKS)
def test_all_lines_for_nginx_come_in_their_order(lines: list[str]) -> None:
    if lines:
        assert merged(LINES, Desired(append={LINES: lines})) == lines


@given(VALUES, VALUES, VALUES)
def test_a_plugin_s_list_becomes_what_omero_config_makes_of_it(
    default: list[Any], gone: list[Any], new: list[Any]
) -> None:
    """`omero config remove` takes the first equal item, `append` adds one always."""
    expected = [json.dumps(item) for item in default]
    for item in gone:
        if json.dumps(item) in expected:
            expected.remove(json.dumps(item))
    kept = [json.dumps(item) for item in list_merge.removed(OF_PLUGIN, default, gone)]
    if not any(isinstance(item, str) for item in gone):  # text may also be a name
        assert kept == expected
    assert list_merge.added(OF_PLUGIN, default, new) == [*default, *new]


@given(VALUES, VALUES)
def test_what_is_added_by_hand_to_a_sequence_is_found_again(
    base: list[Any], new: list[Any]
) -> None:
    both = list_merge.added(OF_PLUGIN, base, new)
    assert sorted(map(list_merge.whole, list_merge.without(OF_PLUGIN, both, base))) == sorted(
        map(list_merge.whole, new)
    )


@given(WORDS, WORDS)
def test_lines_by_hand_that_the_inventory_has_now_are_not_doubled(
    hand: list[str], lines: list[str]
) -> None:
    found = merged(
        LINES, Desired(append={LINES: lines}, remove={LINES: []}), "[]", json.dumps(hand)
    )
    assert found == [*list_merge.difference(hand, lines), *lines]
    assert sorted(list_merge.difference(found, hand)) == sorted(list_merge.difference(lines, hand))


def test_a_link_with_the_label_of_another_takes_its_place() -> None:
    links = [["A", "a"], ["B", "b"]]
    assert list_merge.added(LINKS, links, [["A", "c"]]) == [["B", "b"], ["A", "c"]]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("omero.web.admins", ["Ada", "ada@example.org"], ["Ada", "ada@lab.example.org"]),
        ("omero.web.server_list", ["localhost", 4064, "a"], ["localhost", "14064", "b"]),
        ("omero.web.staticfile_dirs", ["ours", "/srv/a"], ["ours", "/srv/b"]),
    ],
)
def test_items_of_one_name_that_are_different_things_are_both_kept(
    name: str, first: Any, second: Any
) -> None:
    both = list_merge.added(name, [first], [second])
    assert both == [first, second]
    assert list_merge.added(name, both, [first]) == [second, first]
    assert list_merge.removed(name, both, [first]) == [second]
    assert list_merge.removed(name, both, [first[0]]) == []
    assert list_merge.without(name, both, [second]) == [first]


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_an_equal_item_is_there_once_unless_the_list_is_a_sequence(name: str) -> None:
    item = SHAPES[name].example
    twice = name in (LINES, "omero.web.secure_proxy_ssl_header")
    assert list_merge.added(name, [item], [item]) == ([item, item] if twice else [item])


def test_a_list_of_a_custom_property_takes_items_too() -> None:
    custom = Schema(
        [Property(OF_PLUGIN, "custom", "[1]", ""), Property("omero.x", "custom", "a", "")]
    )
    texts, findings = Desired(append={OF_PLUGIN: [2], "omero.x": [2]}).resolve(custom, Path("/"))
    assert texts == {OF_PLUGIN: "[1, 2]"}
    assert [str(each) for each in findings] == [
        "omero.x: is not a list but a text; set it in web_config"
    ]
    texts, findings = Desired(append={"omero.unknown": [2]}).resolve(
        SCHEMA, Path("/"), strict=False
    )
    assert (texts, findings) == ({"omero.unknown": "[2]"}, [])
