"""`config list` and `config explain`: what they print is what the schema and the inventory take."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from omeroweb_ops import cli
from omeroweb_ops.commands.properties import SETTINGS, inventory_lines
from omeroweb_ops.state import config_xml
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine

from roles.inventory.settings import Settings
from tests.unit.helpers import SCHEMA


@pytest.fixture
def installed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))
    return engine


def printed(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert cli.main(["config", *words]) == status
    return capsys.readouterr().out


@pytest.mark.parametrize("name", SCHEMA)
def test_the_lines_for_an_inventory_are_accepted(engine: Engine, name: str) -> None:
    lines = inventory_lines(engine, SCHEMA[name])
    data: Mapping[str, Any] = ast.literal_eval(f"{{{lines}\n}}".replace(f"\n{name}:", "\n#"))
    if "web_secrets" in data:
        assert SCHEMA[name].is_secret
        assert list(yaml.safe_load(lines.splitlines()[-1])) == [name]
        return
    assert data.keys() <= Settings.model_fields.keys()
    if name in SETTINGS:
        assert name not in data.get("web_config", {})
        return
    properties = data.get("web_config", {})
    texts, findings = Desired(
        set=properties, append=data.get("web_config_append", {})
    ).resolve(SCHEMA, engine.locations.omerodir, strict=True, by_hand={})  # fmt: skip
    assert findings == []
    assert list(texts) == [name]


def test_a_pattern_is_a_part_of_a_name_or_has_wildcards(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    config_xml.write(installed.locations.config_xml, {"omero.web.page_size": "7"})
    assert printed(capsys, "list", "PAGE_size") == "* omero.web.page_size = 7\n"
    assert printed(capsys, "list", "omero.web.ping_interva?").startswith("  omero.web.ping_inter")
    every = printed(capsys, "list").splitlines()
    assert {line[2:].split(" ", 1)[0] for line in every} == {*SCHEMA}
    assert printed(capsys, "list", "ping_interva?", status=1) == ""


def test_explain_has_type_default_value_and_text(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    config_xml.write(installed.locations.config_xml, {"omero.web.page_size": "7"})
    text = printed(capsys, "explain", "omero.web.page_size", "omero.web.session_cookie_age")
    for part in (
        "type:       a whole number\n",
        "default:    200\n",
        "value:      7 (set manually)\n",
        '"omero.web.page_size": 7,',
        "Number of images displayed",
        "default:    86400\n",
    ):
        assert part in text


def test_a_wrong_name_beside_a_right_one_is_an_error_and_a_hint(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["config", "explain", "omero.web.pagesize", "omero.web.debug"]) == 1
    said = capsys.readouterr()
    assert "did you mean omero.web.page_size?" in said.err
    assert "omero.web.debug\n" in said.out


def test_no_secret_is_printed(installed: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    secrets = {"omero.web.secret_key": "hunter2-key", "omero.mail.password": "hunter2-mail"}
    caches = {"omero.web.caches": '{"default": {"LOCATION": "redis://:hunter2@localhost"}}'}
    config_xml.write(installed.locations.config_xml, {**secrets, **caches})
    for words in (["list"], ["list", "--json"], ["explain", *secrets, *caches]):
        for form in ([], ["--json"]):
            assert "hunter2" not in printed(capsys, *words, *form)


def test_json_has_a_schema_and_the_stored_texts(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    config_xml.write(installed.locations.config_xml, {"omero.web.page_size": "7"})
    data = json.loads(printed(capsys, "explain", "--json", "omero.web.page_size"))
    assert data["schema"] == 1
    (entry,) = data["properties"]
    assert (entry["default"], entry["value"], entry["from"]) == ("200", "7", "set manually")
    assert entry["type"] == "integer"
