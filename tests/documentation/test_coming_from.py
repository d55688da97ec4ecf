"""The tables for people who come from another installation say what the code does."""

from __future__ import annotations

import ast
import re

import pytest
from omeroweb_ops.container import environment

from roles.inventory import unknown_setting
from tests.documentation.blocks import ROOT
from tests.unit.helpers import SCHEMA

# https://github.com/ome/ansible-role-omero-web/blob/master/defaults/main.yml
ROLE_VARIABLES = """
release system_user system_uid systemd_setup systemd_limit_nofile systemd_after systemd_requires
config_set setup_nginx python_addons apps_packages apps_names apps_top_links apps_ui_metadata_panes
apps_config_append apps_config_set apps_config_name ice_version
python_requirements_ice_package python_requirements virtualenv_basedir omerodir omero_command
config_update always_reset_config systemd_start basedir symlink omego omego_additional_args upgrade
checkupgrade_comparator omego_options
"""

NOT_OF_ROLE = {"omero_web_config_append"}  # like another variable, and understood


def rows(page: str) -> list[tuple[str, str]]:
    """The rows of two code spans, of which the second is a property in an inventory."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(r'^\| `([^`]+)` \| `("omero\.[^`]+)` \|$', text, re.M)


WALKTHROUGH = rows("from-walkthrough.md")
IMAGE = rows("from-official-image.md")


def assert_same(files: dict[str, str], variables: dict[str, str], line: str) -> None:
    desired, findings = environment.read(variables, files, SCHEMA)
    assert findings == []
    ((name, value),) = ast.literal_eval(f"{{{line}}}").items()
    prop = SCHEMA[name]
    assert prop.same(prop.encode(desired.set[name]), prop.encode(value))


@pytest.mark.parametrize(("command", "line"), WALKTHROUGH)
def test_a_command_of_the_walkthrough_is_this_line(command: str, line: str) -> None:
    assert_same({"1.omero": command.removeprefix("omero ")}, {}, line)


@pytest.mark.parametrize(("variable", "line"), IMAGE)
def test_a_variable_of_the_image_is_this_line(variable: str, line: str) -> None:
    name, _, value = variable.partition("=")
    assert_same({}, {name: value}, line)


def test_the_tables_have_rows() -> None:
    assert len(WALKTHROUGH) >= 8 and len(IMAGE) >= 8


@pytest.mark.parametrize(("variable", "setting"), unknown_setting._OF_THE_ROLE.items())
def test_the_table_and_the_error_for_a_variable_name_the_same_setting(
    variable: str, setting: str
) -> None:
    text = (ROOT / "docs/from-ansible.md").read_text("utf-8")
    row = re.search(rf"^\| [^|]*`{variable}`[^|]* \| (.*) \|$", text, re.M)
    if variable in NOT_OF_ROLE:
        assert row is None
    else:
        assert row and f"`{setting}`" in row[1]


def test_each_variable_of_the_role_has_a_row() -> None:
    text = (ROOT / "docs/from-ansible.md").read_text("utf-8")
    (table,) = re.findall(r"^\| variable of the role .*?\n\n", text, re.M | re.S)
    named = re.findall(r"`omero_web_(\w+)`", table)
    assert sorted(named) == sorted(ROLE_VARIABLES.split())
