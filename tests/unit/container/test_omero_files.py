"""`*.omero` files, line by line in their order."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.container import omero_files
from omeroweb_ops.container.omero_files import Commands
from omeroweb_ops.state.desired import Desired

from tests.unit.container.config_lines import ALPHABET, APPS, LINKS, ours, without_duplicates
from tests.unit.helpers import SCHEMA

TWO = f"""config set {LINKS} '[["A", "a"], ["B", "b"]]'"""


def loaded(text: str) -> Desired:
    commands = Commands(SCHEMA)
    commands.load({"a.omero": text})
    assert commands.findings == []
    return commands.desired()


def mistake(text: str) -> str:
    commands = Commands(SCHEMA)
    commands.load({"a.omero": text})
    (finding,) = commands.findings
    return str(finding)


def upstream(lines: list[str], name: str) -> list[Any]:
    """What `omero load --keep-going` makes of a list (omero.plugins.prefs.PrefsControl);
    tests/integration/test_image.py asks the program itself."""
    default = json.loads(SCHEMA[name].default or "[]")
    value: list[Any] | None = None
    for _config, action, *words in map(shlex.split, lines):
        own, *item = [word for word in words if not word.startswith("--")]
        if own != name:
            continue
        if action == "set":
            value = json.loads(item[0]) if item else None
            continue
        items = [*(default if value is None else value)]
        each = json.loads(item[0])
        if action == "append" and not ("--set" in words and each in items):
            value = [*items, each]
        elif action == "remove" and each in items:
            items.remove(each)
            value = items
    return default if value is None else value


@given(st.lists(st.sampled_from(ALPHABET), max_size=10), st.sampled_from([APPS, LINKS]))
def test_lines_in_any_order_give_the_list_that_upstream_has(lines: list[str], name: str) -> None:
    mine = ours(tuple(lines), name)
    assert mine == without_duplicates(upstream(lines, name))


def test_a_list_is_set_and_then_appended_to() -> None:
    """As the official standalone image's own file does."""
    text = f'config set {LINKS} \'[["Data", "webindex"]]\'\nconfig append {LINKS} \'["Tags", "t"]\''
    assert loaded(text) == Desired({LINKS: [["Data", "webindex"], ["Tags", "t"]]})


def test_a_list_that_is_only_appended_to_follows_the_release() -> None:
    assert loaded(f"config append {APPS} '\"a\"'\nconfig remove {LINKS} '[\"Help\"]'") == Desired(
        {}, {APPS: ["a"]}, {LINKS: [["Help"]]}
    )


def test_an_item_of_one_name_takes_the_place_of_another() -> None:
    lines = f'config set {LINKS} \'[["A", "a"], ["B", "b"]]\'\nconfig append {LINKS} \'["A", "c"]\''
    assert loaded(lines).set[LINKS] == [["B", "b"], ["A", "c"]]


def test_two_servers_may_be_on_one_host() -> None:
    name = "omero.web.server_list"
    item = '["localhost", 14064, "second"]'
    texts, _ = loaded(f"config append {name} '{item}'").resolve(SCHEMA, Path("/omero"))
    assert json.loads(texts[name]) == [["localhost", 4064, "omero"], ["localhost", 14064, "second"]]


def test_an_item_that_is_named_is_taken_out_of_a_list_that_was_set() -> None:
    lines = f'config set {LINKS} \'[["A", "a"], ["B", "b"]]\'\nconfig remove {LINKS} \'["A"]\''
    assert loaded(lines).set[LINKS] == [["B", "b"]]


def test_a_comment_is_a_whole_line_as_for_omero_load() -> None:
    assert loaded("  # config set a b\n\nconfig set omero.web.a '#fff'\n").set == {
        "omero.web.a": "#fff"
    }
    assert loaded("config set omero.web.a #fff").set == {"omero.web.a": "#fff"}


def test_values_may_look_like_options_and_hold_separators_of_lines() -> None:
    lines = ("omero.web.a -1", "-- omero.web.b --c", "--report omero.web.d e\u2028f")
    assert loaded("\n".join(f"config set {each}" for each in lines)).set == {
        "omero.web.a": "-1",
        "omero.web.b": "--c",
        "omero.web.d": "e\u2028f",
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("config set omero.web.debug=true", "write config set NAME VALUE"),
        ("config set --file x omero.web.debug", "must be config set, append or remove"),
        ("config append omero.web.apps hunter2", "the item is not JSON"),
        ("config", "must be config set, append or remove"),
        ("config set omero.web.a hunter2\nconfig append omero.web.a 1", "set it to a list first"),
    ],
)
def test_what_is_wrong_is_named_by_its_line_without_values(line: str, told: str) -> None:
    message = mistake(line)
    assert message.startswith("a.omero line ")
    assert told in message
    assert "hunter2" not in message


def test_a_property_that_is_no_list_is_left_to_the_state_engine() -> None:
    _texts, findings = loaded("config append omero.web.debug 1").resolve(SCHEMA, Path("/omero"))
    assert ["is not a list" in each.message for each in findings] == [True]


def test_files_are_read_in_the_order_of_their_names_and_each_bad_one_is_named(
    tmp_path: Path,
) -> None:
    for name in ("b.omero", "a.omero", ".hidden.omero", "other.txt"):
        (tmp_path / name).write_text("config set omero.web.a\r\n")
    (tmp_path / "c.omero").write_bytes(b"\xff")
    os.mkfifo(tmp_path / "d.omero")
    (tmp_path / "e.omero").mkdir()
    files, findings = omero_files.read(tmp_path)
    assert [*files.items()] == [
        (name, "config set omero.web.a\n") for name in ("a.omero", "b.omero")
    ]
    assert [each.subject for each in findings] == ["c.omero", "d.omero", "e.omero"]
    assert omero_files.read(tmp_path / "none") == ({}, [])
