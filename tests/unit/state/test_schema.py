"""The properties' types: what is stored, what is refused, and what the message says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.state import config_xml
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine
from omeroweb_ops.state.list_items import SHAPES
from omeroweb_ops.state.schema import Property

from tests.unit.helpers import SCHEMA, again

NAMES = sorted(SCHEMA)
EXAMPLES: dict[str, Any] = {
    "integer": 4711,
    "string": "some text: ä \"quoted\" <&> 'so'",
    "object": {"a": {"b": [1, "ü", None]}},
    "regex": r"^/(a|b)\d+$",
    "base_url": "https://images.example.org/omero/",
}
WRONG: dict[str, list[Any]] = {
    "boolean": ["yes", "no", "on", "", 2, 1, 1.0, None, [], {}],
    "integer": ["four", "", "1.5", 1.5, True, None, [1], {}],
    "string": [True, 1.5, None, ["a"], {"a": 1}],
    "list": [{}, "{}", '"text"', "not json", "", 5, True, None, [{1, 2}], [float("nan")]],
    "object": [[], "[]", '"text"', "not json", "", 5, True, None, {"a": {1, 2}}],
    "regex": ["(", "[", True, None, []],
    "base_url": [True, 1.5, None, ["a"], {"a": 1}],
    "choice": ["nonsense", "", None, True, []],
}
BOOLEAN = SCHEMA["omero.web.debug"]
INTEGER = SCHEMA["omero.web.page_size"]
LIST = SCHEMA["omero.web.server_list"]


def example(prop: Property) -> Any:
    """A value other than the default."""
    if prop.kind == "boolean":
        return prop.default != "true"
    if prop.kind == "choice":
        return next(choice for choice in prop.choices if choice != prop.default)
    if prop.kind == "list":
        return [SHAPES[prop.name].example]
    return EXAMPLES[prop.kind]


def meaning(prop: Property, text: str) -> Any:
    """The value that OMERO.web's own mapping functions make of a text."""
    if prop.kind == "boolean":
        return text.lower() in ("true", "t", "1")
    if prop.kind == "integer":
        return int(text)
    return json.loads(text) if prop.kind in ("list", "object") else text


def test_all_properties_of_the_locked_release_are_known() -> None:
    assert len(SCHEMA) == 122
    assert {prop.kind for prop in SCHEMA.values()} == set(WRONG)


@pytest.mark.parametrize("name", NAMES)
def test_every_property_takes_its_own_default(name: str) -> None:
    prop = SCHEMA[name]
    default = SCHEMA.default(name, Path("/some/dir"))
    if default is not None:
        assert "${OMERODIR}" not in default
        assert prop.same(prop.encode(default), default)
        assert prop.same(prop.encode(meaning(prop, default)), default)


@pytest.mark.parametrize("name", NAMES)
def test_every_property_can_be_set_read_back_and_unset(name: str, engine: Engine) -> None:
    prop = SCHEMA[name]
    value = example(prop)
    (change,) = engine.apply(Desired({name: value})).changes
    assert (change.name, change.action, change.old) == (name, "add", None)

    stored = config_xml.read(engine.locations.config_xml)
    assert meaning(prop, stored[name]) == value
    assert again(engine).effective(name) == stored[name]

    (change,) = again(engine).apply(Desired()).changes
    assert (change.name, change.action, change.new) == (name, "remove", None)
    assert config_xml.read(engine.locations.config_xml) == {}
    assert again(engine).effective(name) == SCHEMA.default(name, engine.locations.omerodir)


@pytest.mark.parametrize("name", NAMES)
def test_every_property_refuses_what_it_cannot_mean_and_says_what_to_write(name: str) -> None:
    prop = SCHEMA[name]
    for value in WRONG[prop.kind]:
        with pytest.raises(
            ValueError, match=r"must be|enables it|Example: |remove|regular expression|as JSON"
        ):
            prop.encode(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(value, "true") for value in (True, "true", "True", "TRUE", "t", "T", "1", " true ")],
        *[(value, "false") for value in (False, "false", "False", "f", "F", "0")],
    ],
)
def test_a_boolean_is_stored_as_upstream_writes_it(value: object, text: str) -> None:
    assert BOOLEAN.encode(value) == text


def test_a_wrong_boolean_is_answered_with_the_two_right_ones() -> None:
    with pytest.raises(ValueError, match="must be True or False, not 'yes'"):
        BOOLEAN.encode("yes")


def test_a_wrong_number_is_answered_with_the_default_as_example() -> None:
    with pytest.raises(ValueError, match=r"must be a whole number, not 'many'\. Example: 200"):
        INTEGER.encode("many")


def test_a_wrong_shape_is_answered_with_the_default_as_form() -> None:
    with pytest.raises(ValueError, match=r'must be a list.*\[\["localhost", 4064, "omero"\]\]'):
        LIST.encode({"localhost": 4064})


def test_a_wrong_choice_is_answered_with_all_choices() -> None:
    prop = SCHEMA["omero.web.session_engine"]
    with pytest.raises(ValueError, match="not 'redis'") as error:
        prop.encode("redis")
    assert all(choice in str(error.value) for choice in prop.choices)


def test_a_list_may_be_given_as_omero_config_set_takes_it() -> None:
    assert LIST.encode('[["a.example", 4064, "A"]]') == LIST.encode([["a.example", 4064, "A"]])


@pytest.mark.parametrize(
    ("written", "stored"),
    [("/omero/static", "/omero/static/"), ("/static/", "/static/"), ("", ""),
     ("https://cdn.example.org", "https://cdn.example.org/")],
)  # fmt: skip
def test_a_url_that_upstream_ends_with_a_slash_is_stored_with_it(written: str, stored: str) -> None:
    for name in ("omero.web.static_url", "omero.web.api.absolute_url"):
        assert SCHEMA[name].encode(written) == SCHEMA[name].value(written) == stored


CUSTOM = Property("omero.web.ours.providers", "custom", "{}", "")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_text_for_a_plugin_s_own_function_is_stored_as_it_is(text: str) -> None:
    assert CUSTOM.encode(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (1.5, "1.5"), (7, "7"), ({"b": 1, "a": [2]}, '{"b": 1, "a": [2]}')],
)
def test_data_for_a_plugin_s_own_function_is_stored_as_json_in_its_order(
    value: object, text: str
) -> None:
    assert CUSTOM.encode(value) == text
    if isinstance(value, dict):
        assert CUSTOM.value(text) == value
        assert not CUSTOM.same(text, '{"a": [2], "b": 1}')
        assert CUSTOM.same(text, '{"b":1,"a":[2]}')


def test_nothing_is_no_value_for_a_plugin_s_own_function() -> None:
    with pytest.raises(ValueError, match="must be text, a number or a list or dictionary"):
        CUSTOM.encode(None)


def test_a_tuple_is_a_list() -> None:
    assert LIST.encode((("a.example", 4064, "A"),)) == LIST.encode([["a.example", 4064, "A"]])


def test_text_of_other_languages_stays_readable_in_the_file() -> None:
    assert "Übersicht" in SCHEMA["omero.web.ui.top_links"].encode([["Übersicht", "webindex"]])


@pytest.mark.parametrize(
    ("name", "left", "right", "same"),
    [
        ("omero.web.debug", "True", "true", True),
        ("omero.web.debug", "1", "true", True),
        ("omero.web.debug", "yes", "false", True),  # upstream reads "yes" as False
        ("omero.web.debug", "true", "false", False),
        ("omero.web.page_size", "0200", "200", True),
        ("omero.web.page_size", "200", "201", False),
        ("omero.web.page_size", "broken", "broken", True),
        ("omero.web.page_size", "broken", "200", False),
        ("omero.web.caches", '{"a": 1, "b": 2}', '{"b":2,"a":1}', True),
        ("omero.web.apps", '["a","b"]', '[ "a", "b" ]', True),
        ("omero.web.apps", '["a", "b"]', '["b", "a"]', False),
        ("omero.web.apps", "broken", "[]", False),
        ("omero.web.static_url", "/omero/static", "/omero/static/", True),
        ("omero.web.static_url", "/omero/static", "/static/", False),
        ("omero.web.login_logo", "True", "true", False),  # text is compared as text
        ("omero.web.login_logo", None, "", False),
        ("omero.web.debug", None, "false", False),  # unset is not the same as set to the default
        ("omero.web.debug", None, None, True),
    ],
)
def test_texts_are_the_same_if_omero_web_reads_the_same(
    name: str, left: str | None, right: str | None, same: bool
) -> None:
    assert SCHEMA[name].same(left, right) is same
    assert SCHEMA[name].same(right, left) is same


def test_true_and_one_inside_a_list_are_not_the_same() -> None:
    prop = SCHEMA["omero.web.django_additional_settings"]
    assert not prop.same('[["NAME", true]]', '[["NAME", 1]]')


@given(st.text())
def test_whatever_text_is_taken_can_be_stored_and_read_back(text: str) -> None:
    """XML has no form for most control characters: they must be refused, or config.xml breaks."""
    try:
        stored = SCHEMA["omero.web.login_logo"].encode(text)
    except ValueError:
        return
    written = ElementTree.tostring(ElementTree.Element("property", value=stored))
    assert ElementTree.fromstring(written).get("value") == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_list_is_stored_so_that_json_reads_the_same(value: Any) -> None:
    try:
        text = LIST.encode([value])
    except ValueError:
        return
    assert json.loads(text) == [value]
    assert LIST.encode(text) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("omero.web.sever_list", "omero.web.server_list"),
        ("omero.web.page_sise", "omero.web.page_size"),
        ("omero.web.application_server.prot", "omero.web.application_server.port"),
        ("omero.web.UI.top_links", "omero.web.ui.top_links"),
        ("web.caches", "omero.web.caches"),
    ],
)
def test_an_unknown_property_is_answered_with_the_nearest_name(written: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"no such property; did you mean {meant}\\?"):
        SCHEMA.lookup(written)


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(ValueError, match="no such property; see the list"):
        SCHEMA.lookup("zzz")


def test_a_deprecated_property_is_known_but_never_suggested() -> None:
    assert SCHEMA.lookup("omero.web.email_host").deprecated
    near = SCHEMA.nearest("omero.web.email_hosts")
    assert near is None or not SCHEMA[near].deprecated


def test_what_holds_a_password_or_key_is_a_secret() -> None:
    secrets = {name for name, prop in SCHEMA.items() if prop.is_secret}
    assert secrets >= {
        "omero.mail.password",
        "omero.web.caches",
        "omero.web.email_host_password",
        "omero.web.public.password",
        "omero.web.secret_key",
    }
    assert "omero.web.server_list" not in secrets


def test_a_switch_is_no_secret_whatever_its_name() -> None:
    assert not SCHEMA["omero.web.show_forgot_password"].is_secret


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("omero.web.secret_key", ["hunter2"]),
        ("omero.web.public.password", {"is": "hunter2"}),
        ("omero.web.caches", "redis://:hunter2@localhost"),
        ("omero.web.caches", ["hunter2"]),
    ],
)
def test_what_is_said_of_a_wrong_secret_does_not_tell_it(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"must be") as error:
        SCHEMA[name].encode(value)
    assert "hunter2" not in str(error.value)


def test_the_documentation_s_redis_recipe_pasted_with_its_line_break_says_what_to_write() -> None:
    recipe = '{"default": {"BACKEND": "django_redis.cache.Redis\nCache", "LOCATION": "hunter2"}}'
    with pytest.raises(ValueError, match=r"line break inside quotes.*group redis") as refusal:
        SCHEMA["omero.web.caches"].encode(recipe)
    assert "hunter2" not in str(refusal.value)
