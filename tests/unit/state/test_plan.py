"""The difference between what should be and what is, as laws that hold for any state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.state import diff
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.plan import Change, Plan, make, mask, secrets_of
from omeroweb_ops.state.redaction import MASK, redact
from omeroweb_ops.state.schema import Property

from tests.unit import texts
from tests.unit.helpers import SCHEMA

Record = Mapping[str, str | None]
SECRETS = sorted(name for name in SCHEMA if SCHEMA[name].is_secret)


def encoded(values: Mapping[str, Any]) -> dict[str, str]:
    resolved, findings = Desired(values).resolve(SCHEMA, Path("/o"), strict=False)
    assert findings == []
    return resolved


def planned(values: Mapping[str, Any], current: Mapping[str, str], record: Record) -> Plan:
    return make(encoded(values), current, record, SCHEMA)


def means_the_same(left: Mapping[str, str], right: Mapping[str, str]) -> bool:
    return left.keys() == right.keys() and all(
        SCHEMA.get(name, Property(name, "string", None, "")).same(left[name], right[name])
        for name in left
    )


@given(texts.wanted, texts.by_hand, st.lists(texts.wanted, max_size=2))
def test_after_applying_there_is_nothing_left_to_do(
    last: dict[str, Any], by_hand: dict[str, str], earlier: list[dict[str, Any]]
) -> None:
    current: dict[str, str] = by_hand
    record: Record = {}
    for values in [*earlier, last]:
        plan = planned(values, current, record)
        current, record = plan.result(current), plan.record
    again = planned(last, current, record)
    assert again.changes == ()
    assert again.result(current) == current
    assert again.record == record
    wanted = encoded(last)
    assert means_the_same({name: current[name] for name in wanted}, wanted)


@given(texts.by_hand, st.lists(texts.wanted))
def test_removing_everything_restores_what_was_there_by_hand(
    by_hand: dict[str, str], history: list[dict[str, Any]]
) -> None:
    current: dict[str, str] = by_hand
    record: Record = {}
    for values in [*history, {}]:
        plan = planned(values, current, record)
        current, record = plan.result(current), plan.record
    assert means_the_same(current, by_hand)
    assert record == {}


@given(texts.by_hand, texts.wanted)
def test_what_the_inventory_does_not_name_stays_and_is_drift(
    by_hand: dict[str, str], values: dict[str, Any]
) -> None:
    plan = planned(values, by_hand, {})
    after = plan.result(by_hand)
    others = by_hand.keys() - values.keys()
    assert set(plan.drift) == others
    assert all(after[name] == by_hand[name] for name in others)


@given(texts.wanted, texts.by_hand)
def test_each_change_says_what_stands_there_and_what_will(
    values: dict[str, Any], by_hand: dict[str, str]
) -> None:
    plan = planned(values, by_hand, {})
    after = plan.result(by_hand)
    for change in plan.changes:
        assert change.old == by_hand.get(change.name)
        assert change.new == after.get(change.name)
        assert change.old != change.new
        assert change.action == ("add" if change.old is None else "change")
    assert [change.name for change in plan.changes] == sorted(
        change.name for change in plan.changes
    )


@pytest.mark.parametrize("spelling", ["True", "true", "TRUE", "1", "t"])
def test_a_boolean_spelled_differently_by_hand_is_no_change(spelling: str) -> None:
    plan = planned({texts.BOOLEAN: True}, {texts.BOOLEAN: spelling}, {})
    assert plan.changes == ()
    assert plan.record == {texts.BOOLEAN: spelling}
    assert plan.result({texts.BOOLEAN: spelling}) == {texts.BOOLEAN: spelling}


def test_a_property_changed_by_hand_after_it_was_deployed_is_put_back() -> None:
    plan = planned({texts.INTEGER: 1}, {texts.INTEGER: "2"}, {texts.INTEGER: None})
    (change,) = plan.changes
    assert (change.action, change.old, change.new) == ("change", "2", "1")


def test_a_property_removed_by_hand_after_it_was_deployed_is_put_back() -> None:
    plan = planned({texts.INTEGER: 1}, {}, {texts.INTEGER: None})
    assert [(change.action, change.new) for change in plan.changes] == [("add", "1")]


def test_leaving_the_inventory_removes_only_what_was_not_there_before() -> None:
    record = {texts.INTEGER: "2", texts.STRING: None}
    current = {texts.INTEGER: "1", texts.STRING: "x"}
    plan = planned({}, current, record)
    assert [(change.name, change.action) for change in plan.changes] == [
        (texts.STRING, "remove"),
        (texts.INTEGER, "change"),
    ]
    assert plan.result(current) == {texts.INTEGER: "2"}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_masked(name: str) -> None:
    assert mask(name, "hunter2", SCHEMA) == MASK
    assert mask(name, None, SCHEMA) is None


def test_a_mask_does_not_tell_how_long_the_secret_is() -> None:
    name = "omero.web.secret_key"
    assert mask(name, "x", SCHEMA) == mask(name, "x" * 50, SCHEMA)


@pytest.mark.parametrize("name", ["omero.web.plugin.password", "omero.web.sso.client_secret_key"])
def test_a_plugin_s_secret_is_masked_by_its_name(name: str) -> None:
    assert mask(name, "hunter2", SCHEMA) == MASK


def test_what_is_no_secret_is_shown() -> None:
    assert mask(texts.INTEGER, "100", SCHEMA) == "100"


def test_a_message_that_quotes_a_secret_is_shown_without_it() -> None:
    caches = json.dumps({"default": {"OPTIONS": {"PASSWORD": "hunter2"}}})
    properties = {"omero.web.secret_key": "sesame", "omero.web.caches": caches, "omero.web.x": "x"}
    said = f"Invalid sesame in {caches}, {{'PASSWORD': 'hunter2'}}, x"
    shown = redact(said, secrets_of(properties, SCHEMA))
    assert "sesame" not in shown
    assert "hunter2" not in shown
    assert shown.startswith("Invalid ****")
    assert shown.endswith(", x")


LIST = "omero.web.server_list"


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (None, '[["localhost", 4064, "omero"]]', "(the same as the default)"),
        ('[["localhost", 4064, "omero"]]', None, "(the same as the default)"),
        ('[["a", 1, "a"]]', '[["a",1,"a"]]', "(the same in another notation)"),
        ('[["a", 1, "a"], ["b", 1, "b"]]', '[["b", 1, "b"], ["a", 1, "a"]]', "(another order)"),
        (None, '[["a", 1, "a"]]', '- ["localhost", 4064, "omero"]'),
    ],
)
def test_a_list_with_the_same_items_is_shown_as_what_it_is(
    old: str | None, new: str | None, shown: str
) -> None:
    plan = Plan((Change(LIST, old, new),), (), {})
    assert [*diff.lines(plan, SCHEMA)][1] == f"    {shown}"
