"""The schema of what is installed: read once for each set of apps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.locations import Locations
from omeroweb_ops.state import schema, schema_cache
from omeroweb_ops.state.engine import Engine

from tests.unit.helpers import SCHEMA

RELEASE = json.loads(schema.DATA.read_text(encoding="utf-8"))
OWN = {"name": "omero.web.plug.count", "kind": "integer", "default": "5", "description": ""}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Which apps another release was asked for, each time that a Python was started for it."""
    asked: list[list[str]] = []

    def read(apps: list[str], _middleware: list[str]) -> dict[str, Any]:
        asked.append(apps)
        broken = {"broken": {"gone": "ImportError"}} if "gone" in apps else {}
        return {
            **RELEASE,
            "properties": [*RELEASE["properties"], *([OWN] if apps else [])],
            **broken,
        }

    monkeypatch.setattr(schema_cache, "installed_version", lambda: "5.0.0")
    monkeypatch.setattr(schema_cache, "_read", read)
    return asked


def places(folder: Path) -> Locations:
    locations = Locations(folder, folder / "desired.json")
    locations.schema.parent.mkdir(parents=True)
    return locations


def test_release_and_apps_are_read_once_each(tmp_path: Path, reads: list[list[str]]) -> None:
    locations = places(tmp_path)
    for _ in range(2):  # as every command does: the release's own first, then with the apps
        assert OWN["name"] not in schema_cache.schema(locations)[0]
        assert OWN["name"] in schema_cache.schema(locations, ["plug"])[0]
    assert reads == [[], ["plug"]]


def test_what_does_not_import_is_asked_for_again(tmp_path: Path, reads: list[list[str]]) -> None:
    locations = places(tmp_path)
    for _ in range(2):
        assert schema_cache.schema(locations, ["gone"])[1] == {"gone": "ImportError"}
    assert reads == [["gone"], ["gone"]]


def test_other_packages_are_read_anew(
    tmp_path: Path, reads: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    locations = places(tmp_path)
    schema_cache.schema(locations)
    monkeypatch.setattr(schema_cache, "virtualenv_fingerprint", lambda: ["another release"])
    schema_cache.schema(locations)
    schema_cache.schema(locations)
    assert reads == [[], []]


@pytest.mark.parametrize(
    ("app", "advice"),
    [("gone", "install it with web_plugins"), ("json", "json is installed; fix it")],
)
def test_what_is_installed_need_not_be_installed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, app: str, advice: str
) -> None:
    monkeypatch.setattr(schema_cache, "schema", lambda *_: (SCHEMA, {app: "the reason"}))
    (finding,) = engine.learn({"omero.web.apps": json.dumps([app])})
    assert f"cannot import {app}: the reason; {advice}" in str(finding)
