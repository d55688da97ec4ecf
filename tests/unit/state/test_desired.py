"""What an administrator wrote, turned into the text of each property."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.list_merge import identity
from omeroweb_ops.state.schema import Property, Schema

from tests.unit.helpers import SCHEMA

OMERODIR = Path("/opt/omero/web/OMERO.web")
LINKS = "omero.web.ui.top_links"
MIDDLEWARE = "omero.web.middleware"
APPS = "omero.web.apps"
PANES = "omero.web.ui.metadata_panes"


def resolved(desired: Desired, schema: Schema = SCHEMA) -> dict[str, Any]:
    texts, findings = desired.resolve(schema, OMERODIR)
    assert findings == []
    return {name: json.loads(text) for name, text in texts.items()}


def findings(desired: Desired, *, strict: bool = True) -> dict[str, str]:
    _texts, found = desired.resolve(SCHEMA, OMERODIR, strict=strict)
    assert len({each.subject for each in found}) == len(found)
    return {each.subject: each.message for each in found}


def default(name: str) -> list[Any]:
    items = json.loads(SCHEMA[name].default or "[]")
    assert isinstance(items, list)
    return items


def test_an_appended_app_follows_the_release_s_own_list() -> None:
    assert resolved(Desired(append={APPS: ["omero_figure"]})) == {APPS: ["omero_figure"]}
    link = ["Figure", "figure_index"]
    assert resolved(Desired(append={LINKS: [link]})) == {LINKS: [*default(LINKS), link]}


def test_an_upgrade_s_new_defaults_are_kept() -> None:
    """What upstream's `omero config append` loses: it freezes the whole default list."""
    newer = Schema([Property(APPS, "list", '["new_default"]', "")])
    assert resolved(Desired(append={APPS: ["mine"]}), newer) == {APPS: ["new_default", "mine"]}


def test_an_item_that_is_there_already_is_not_doubled_but_replaced() -> None:
    first = default(LINKS)[0]
    changed = [first[0], "elsewhere"]
    links = resolved(Desired(append={LINKS: [changed]}))[LINKS]
    assert links.count(changed) == 1
    assert first not in links
    assert len(links) == len(default(LINKS))


def test_appending_the_same_twice_gives_one() -> None:
    assert resolved(Desired(append={APPS: ["a", "b", "a"]})) == {APPS: ["b", "a"]}


@pytest.mark.parametrize("by", ["label", "target", "whole"])
def test_a_link_is_removed_by_its_label_its_target_or_itself(by: str) -> None:
    label, target, *_rest = first = default(LINKS)[0]
    wanted = {"label": label, "target": target, "whole": first}[by]
    assert resolved(Desired(remove={LINKS: [wanted]})) == {LINKS: default(LINKS)[1:]}


def test_a_middleware_is_removed_by_its_class_and_a_pane_by_its_name() -> None:
    name = default(MIDDLEWARE)[2]["class"]
    left = resolved(Desired(remove={MIDDLEWARE: [name]}))[MIDDLEWARE]
    assert left == [entry for entry in default(MIDDLEWARE) if entry["class"] != name]
    left = resolved(Desired(remove={PANES: ["tag"]}))[PANES]
    assert left == [pane for pane in default(PANES) if pane["name"] != "tag"]


def test_removing_what_is_not_there_is_no_mistake() -> None:
    assert resolved(Desired(remove={LINKS: ["No such link"]})) == {LINKS: default(LINKS)}


def test_append_and_remove_work_together() -> None:
    wanted = Desired(append={LINKS: [["New", "new"]]}, remove={LINKS: [default(LINKS)[0][0]]})
    assert resolved(wanted) == {LINKS: [*default(LINKS)[1:], ["New", "new"]]}


ITEMS = st.lists(st.sampled_from(["a", "b", "c", "d"]))


@given(ITEMS, ITEMS, ITEMS)
def test_a_merged_list_holds_the_default_without_the_removed_and_with_the_appended(
    standard: list[str], added: list[str], gone: list[str]
) -> None:
    schema = Schema([Property(APPS, "list", json.dumps(standard), "")])
    wanted = Desired(append={APPS: added}, remove={APPS: gone})
    result = resolved(wanted, schema).get(APPS, [])
    assert set(result) == (set(standard) - set(gone)) | set(added)
    assert all(result.count(item) == 1 for item in added)
    if set(result) == set(standard) and not added:
        assert result == standard
    # merging into the result once more changes nothing
    merged = Schema([Property(APPS, "list", json.dumps(result), "")])
    again = resolved(Desired(append={APPS: added}), merged).get(APPS, result)
    assert again == result


@pytest.mark.parametrize(
    ("item", "known_as"),
    [
        ("omero_figure", "omero_figure"),
        ({"index": 1, "class": "a.B"}, "a.B"),
        ({"name": "tag", "label": "Tags"}, "tag"),
        (["History", "history", {}], "History"),
        (("History", "other"), "History"),
    ],
)
def test_an_item_is_known_by_what_people_call_it(item: object, known_as: str) -> None:
    assert identity(item) == known_as


def test_items_without_a_name_are_compared_as_a_whole() -> None:
    assert identity([1, 2]) == identity((1, 2))
    assert identity([1, 2]) != identity([2, 1])
    assert identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1})


@pytest.mark.parametrize("change", ["append", "remove"])
def test_a_list_that_is_set_cannot_be_appended_to_or_removed_from_as_well(change: str) -> None:
    changes: dict[str, Any] = {change: {APPS: ["b"]}}
    wanted = replace(Desired({APPS: ["a"]}), **changes)
    (message,) = findings(wanted).values()
    assert "both set and appended to or removed from; set the whole list" in message


def test_only_lists_can_be_appended_to() -> None:
    wanted = Desired(append={"omero.web.debug": [True]}, remove={"omero.web.caches": ["default"]})
    assert findings(wanted) == {
        "omero.web.debug": "is not a list but a boolean; set it in web_config",
        "omero.web.caches": "is not a list but a object; set it in web_config",
    }


def test_all_mistakes_are_found_at_once() -> None:
    wanted = Desired(
        set={
            "omero.web.debug": "yes",
            "omero.web.page_sice": 100,
            "omero.web.page_size": "many",
            "omero.web.prefix": "/fine",
            APPS: [],
        },
        append={APPS: ["a"], "omero.web.debug2": ["x"]},
        remove={"omero.web.prefixes": ["y"]},
    )
    found = findings(wanted)
    assert set(found) == {
        "omero.web.debug",
        "omero.web.page_sice",
        "omero.web.page_size",
        APPS,
        "omero.web.debug2",
        "omero.web.prefixes",
    }
    assert "omero.web.page_size" in found["omero.web.page_sice"]
    texts, _ = wanted.resolve(SCHEMA, OMERODIR)
    assert texts["omero.web.prefix"] == "/fine"


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (7, "7"), ("x", "x"), ([1], "[1]"), ({"a": 1}, '{"a": 1}')],
)
def test_a_plugin_s_property_is_taken_by_the_type_of_its_value(value: object, text: str) -> None:
    wanted = Desired({"omero.web.figure.something": value})
    texts, found = wanted.resolve(SCHEMA, OMERODIR, strict=False)
    assert (texts, found) == ({"omero.web.figure.something": text}, [])
    assert "omero.web.figure.something" in findings(wanted)


def test_known_properties_are_checked_for_a_site_with_plugins_too() -> None:
    assert "omero.web.debug" in findings(Desired({"omero.web.debug": "yes"}), strict=False)


def test_defaults_that_name_the_installation_s_folder_get_it() -> None:
    name = "omero.web.template_dirs"
    schema = Schema([Property(name, "list", '["${OMERODIR}/x"]', "")])
    assert resolved(Desired(append={name: ["y"]}), schema) == {name: [f"{OMERODIR}/x", "y"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("xyz"), inner),
    max_leaves=5,
)


@settings(max_examples=30)
@given(st.dictionaries(st.text("ab."), JSON), st.dictionaries(st.text("ab."), st.lists(JSON)))
def test_a_dumped_state_is_loaded_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], lists: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "desired.json"
    wanted = Desired(values, lists, lists)
    path.write_text(wanted.dump(), encoding="utf-8")
    assert Desired.load(path) == wanted


def test_a_dump_does_not_depend_on_the_order_of_writing() -> None:
    assert Desired({"a": 1, "b": 2}).dump() == Desired({"b": 2, "a": 1}).dump()
