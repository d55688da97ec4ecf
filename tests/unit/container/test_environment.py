"""A container's configuration, from variables and files in the official image's form."""

from __future__ import annotations

import pytest
from omeroweb_ops.container import environment
from omeroweb_ops.container.server_properties import is_of_server
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


def test_omerohost_names_the_server_and_contradicts_a_list() -> None:
    assert read(OMEROHOST="o.example").set["omero.web.server_list"] == [
        ["o.example", 4064, "omero"]
    ]
    for address in ("fd00::5", "[FD00::0:5]"):  # Ice needs quotes around an IPv6 address
        assert read(OMEROHOST=address).set["omero.web.server_list"] == [
            ['"fd00::5"', 4064, "omero"]
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


def test_omerohost_beats_a_file_as_in_the_official_image() -> None:
    files = {"a.omero": """config set omero.web.server_list '[["other", 4064, "x"]]'"""}
    assert read(files, OMEROHOST="o.example").set["omero.web.server_list"] == [
        ["o.example", 4064, "omero"]
    ]


def test_a_variable_beats_what_files_append() -> None:
    files = {"a.omero": """config append omero.web.apps '"a"'"""}
    assert read(files, CONFIG_omero_web_apps="[]") == Desired({"omero.web.apps": "[]"})


@pytest.mark.parametrize(
    "variable",
    [
        "CONFIG_omero_db_host",
        "CONFIG_omero_data_dir",
        "CONFIG_omero_security_keyStore",
        "CONFIG_omero_mail_config",
        "CONFIG_Ice_MessageSizeMax",
    ],
)
def test_a_property_of_omero_server_is_left_out_with_a_warning(variable: str) -> None:
    variables = {variable: "hunter2", "CONFIG_omero_mail_host": "mail.example.org"}
    desired, (finding,) = environment.read(variables, {}, SCHEMA)
    assert desired == Desired({"omero.mail.host": "mail.example.org"})
    assert not finding.is_error
    assert str(finding).startswith(f"{variable}: is a property of OMERO.server")
    assert "hunter2" not in str(finding)


def test_a_file_may_name_properties_of_omero_server_too() -> None:
    files = {"a.omero": "config set omero.ldap.config true\nconfig append omero.fs.x 1"}
    desired, findings = environment.read({}, files, SCHEMA)
    assert desired == Desired()
    assert [(each.subject, each.is_error) for each in findings] == [
        ("omero.fs.x", False),
        ("omero.ldap.config", False),
    ]


@pytest.mark.parametrize("name", sorted(SCHEMA))
def test_no_property_of_omero_web_is_taken_for_the_server_s(name: str) -> None:
    assert not is_of_server(name, SCHEMA)


@pytest.mark.parametrize("name", ["omero.web.debugg", "omero.wb.debug", "omero.figure.x", "debug"])
def test_a_name_that_is_wrong_is_not_taken_for_the_server_s(name: str) -> None:
    assert not is_of_server(name, SCHEMA)
