"""A container's configuration, from variables and files in the official image's form."""

from __future__ import annotations

from pathlib import Path

import pytest
from omeroweb_ops.container import environment
from omeroweb_ops.state.desired import Desired

from tests.unit.helpers import SCHEMA


def read(files: dict[str, str] | None = None, **variables: str) -> Desired:
    desired, findings = environment.read(variables, files or {}, SCHEMA)
    assert findings == []
    return desired


def mistake(files: dict[str, str] | None = None, **variables: str) -> str:
    _desired, (finding,) = environment.read(variables, files or {}, SCHEMA)
    return str(finding)


@pytest.mark.parametrize("name", sorted(SCHEMA))
def test_every_property_has_a_variable(name: str) -> None:
    assert environment.decode(environment.encode(name)) == name


def test_variables_are_read_as_the_official_image_does() -> None:
    assert read(CONFIG_omero_web_debug="true", CONFIG_omero_web_server__list="[]", PATH="x") == (
        Desired({"omero.web.debug": "true", "omero.web.server_list": "[]"})
    )


def test_an_unknown_variable_is_answered_with_the_nearest() -> None:
    assert "did you mean CONFIG_omero_web_page__size?" in mistake(CONFIG_omero_web_page_size="1")


def test_a_variable_beats_a_file_and_a_later_file_an_earlier_one() -> None:
    files = {
        "1.omero": "config set omero.web.page_size 1\nconfig set -- omero.web.prefix /one",
        "2.omero": "# a comment\n\nconfig set omero.web.page_size 2",
    }
    desired = read(files, CONFIG_omero_web_prefix="/two")
    assert desired == Desired({"omero.web.page_size": "2", "omero.web.prefix": "/two"})


def test_items_of_files_are_appended_and_removed() -> None:
    files = {
        "a.omero": "config append omero.web.apps '\"figure\"'\n"
        "config append omero.web.apps '\"iviewer\"'\n"
        "config remove omero.web.ui.top_links '[\"Help\"]'\n"
    }
    assert read(files) == Desired(
        {}, {"omero.web.apps": ["figure", "iviewer"]}, {"omero.web.ui.top_links": [["Help"]]}
    )


def test_omerohost_names_the_server_and_contradicts_a_list() -> None:
    assert read(OMEROHOST="o.example").set["omero.web.server_list"] == [
        ["o.example", 4064, "omero"]
    ]
    assert "OMEROHOST" in mistake(OMEROHOST="x", CONFIG_omero_web_server__list="[]")


@pytest.mark.parametrize(
    "line",
    [
        "config set omero.web.secret_key hunter2 with spaces",
        "config set omero.web.secret_key 'hunter2",
        "config append omero.web.apps hunter2",
        "set omero.web.public.password hunter2",
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_file_and_number_and_not_shown(line: str) -> None:
    """It goes to the container's log, and may hold a password."""
    message = mistake({"a.omero": f"\n{line}\n"})
    assert message.startswith("a.omero line 2: ")
    assert "hunter2" not in message


def test_whether_readiness_needs_the_server_is_said_in_one_of_two_words() -> None:
    assert read(OMEROWEB_READY_NEEDS_SERVER="true") == Desired()
    assert "OMEROWEB_READY_NEEDS_SERVER: must be true or false" in mistake(
        OMEROWEB_READY_NEEDS_SERVER="yes"
    )


def test_the_plugins_of_an_image_are_named_by_a_variable() -> None:
    chosen, findings = environment.plugins({"OMEROWEB_PLUGINS": "omero-figure  omero-iviewer"})
    assert ([each.app for each in chosen], findings) == (["omero_figure", "omero_iviewer"], [])
    assert environment.plugins({}) == ((), [])
    _, (finding,) = environment.plugins({"OMEROWEB_PLUGINS": "omero-figure omero-figur"})
    assert str(finding).startswith("OMEROWEB_PLUGINS: there is no omero-figur; the catalogue has ")


def test_a_value_may_be_in_a_file_and_is_a_secret_then(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("line 1\nhunter2\n")
    variables = {"CONFIG_omero_web_secret__key_FILE": str(path), "PATH": "x"}
    found, secret, findings = environment.from_files(variables)
    assert found == {"CONFIG_omero_web_secret__key": "line 1\nhunter2", "PATH": "x"}
    assert (secret, findings) == (["omero.web.secret_key"], [])


def test_a_file_that_cannot_be_read_or_a_second_value_is_a_mistake(tmp_path: Path) -> None:
    name = "CONFIG_omero_web_prefix"
    gone = str(tmp_path / "gone")
    _found, _secret, (finding,) = environment.from_files({f"{name}_FILE": gone})
    assert f"{name}_FILE: {gone} cannot be read" in str(finding)
    _found, _secret, (finding,) = environment.from_files({f"{name}_FILE": gone, name: "/x"})
    assert str(finding) == f"{name}_FILE: contradicts {name}; set only one of them"
