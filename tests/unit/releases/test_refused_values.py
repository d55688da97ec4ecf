"""What is reported of the values that an app's own functions refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from omeroweb_ops.releases import refused_values, trial
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state import schema_cache
from omeroweb_ops.state.engine import Engine
from omeroweb_ops.state.schema import Property, Schema
from omeroweb_ops.state.settings_modules import Refusal

from tests.unit.helpers import SCHEMA

APPS = {"omero.web.apps": json.dumps(["corsheaders", "ours"])}
FILE, PASSWORD = "omero.web.ours.file", "omero.web.ours.password"
OWN = [Property(FILE, "custom", "{}", "JSON or a file"), Property(PASSWORD, "custom", "", "")]


@pytest.fixture
def ours(engine: Engine) -> Engine:
    """An installation with an app of the site's own, whose properties are known."""
    engine.__dict__["schema"] = Schema([*SCHEMA.values(), *OWN])
    return engine


def refuse(patch: pytest.MonkeyPatch, *refusals: Refusal) -> list[Sequence[str]]:
    """Have the app refuse these. Returns the apps that were asked, each time."""
    asked: list[Sequence[str]] = []

    def answer(apps: Sequence[str], _environment: Mapping[str, str]) -> list[Refusal]:
        asked.append(apps)
        return [*refusals]

    patch.setattr(schema_cache, "refusals", answer)
    return asked


def test_a_refused_value_is_named_with_the_reason_and_an_example(
    ours: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, Refusal(FILE, "No such file.", "ours.settings.read", is_set=True))
    found = refused_values.find(ours, {**APPS, FILE: "/none"})
    assert [str(each) for each in found.is_set] == [
        f"{FILE}: ours.settings.read refuses '/none': No such file; set a value that it accepts, "
        "for example the default '{}' (JSON or a file)"
    ]
    assert found.required == []


def test_a_secret_is_shown_neither_as_the_value_nor_in_the_reason(
    ours: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, Refusal(PASSWORD, "'hunter2 of ours' is weak", "ours.check", is_set=True))
    found = refused_values.find(ours, {**APPS, PASSWORD: "hunter2 of ours"})
    (message,) = map(str, found.is_set)
    assert message.startswith(
        f"{PASSWORD}: ours.check refuses '********': '********' is weak; set "
    )


@pytest.mark.parametrize(
    ("properties", "asked"),
    [
        ({}, 0),
        ({"omero.web.apps": '["corsheaders", "omero_figure"]'}, 0),
        ({"omero.web.apps": '["omero_mapr"]', FILE: "[]"}, 1),
        (APPS, 1),
    ],
)
def test_no_python_is_started_if_the_bundle_can_check_all_values(
    ours: Engine, monkeypatch: pytest.MonkeyPatch, properties: dict[str, str], asked: int
) -> None:
    calls = refuse(monkeypatch)
    refused_values.find(ours, properties)
    assert len(calls) == asked


MUST = Finding(FILE, "must be set")


@pytest.mark.parametrize(
    ("reason", "has_configuration", "expected"),
    [
        (None, True, []),  # a page of the app reads it, and OMERO.web starts
        (f"ValueError: Invalid FILE ({FILE} = '').", False, [MUST]),
        ("TypeError: no text", False, [MUST, Finding("changed", "TypeError: no text")]),
    ],
)
def test_a_property_is_required_if_omero_web_does_not_start_without_it(
    ours: Engine,
    monkeypatch: pytest.MonkeyPatch,
    reason: str | None,
    has_configuration: bool,
    expected: list[Finding],
) -> None:
    found = refused_values.RefusedValues((), [MUST])
    monkeypatch.setattr(refused_values, "find", lambda *_: found)
    monkeypatch.setattr(trial, "_failure", lambda *_: reason)
    errors = trial.errors(ours, APPS, "changed", has_configuration=has_configuration)
    assert errors == expected


def test_a_value_that_is_refused_needs_no_trial(
    ours: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Finding(FILE, "is refused")
    found = refused_values.RefusedValues([wrong], [MUST])
    monkeypatch.setattr(refused_values, "find", lambda *_: found)
    monkeypatch.setattr(trial, "_failure", lambda *_: pytest.fail("was tried"))
    assert trial.errors(ours, APPS, "changed", has_configuration=True) == [wrong, MUST]
