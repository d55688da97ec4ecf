"""What a change of OMERO.web's version asks of an administrator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from roles.inventory import upgrade_notes
from roles.inventory.upgrade_notes import NOTES, advice, between
from roles.preflight import host_checks
from tests.unit.helpers import SURVEY, a_host, a_target, mistakes_of, site_of

versions = st.tuples(st.just(5), st.integers(12, 35), st.integers(0, 3)).map(
    lambda parts: Version(".".join(map(str, parts)))
)


@given(versions, versions, versions)
def test_the_notes_of_two_steps_are_those_of_one(a: Version, b: Version, c: Version) -> None:
    one, two, three = sorted((a, b, c))
    assert [*between(one, two), *between(two, three)] == [*between(one, three)]
    assert [*between(three, one)] == [*between(one, three)]
    assert [*between(one, one)] == []


def test_notes_are_in_order_and_none_is_newer_than_the_bundle_s_omero_web() -> None:
    ordered = sorted(NOTES, key=lambda note: Version(note.version))
    assert [*NOTES] == ordered
    locked = upgrade_notes.locked(None)
    assert locked and Version(NOTES[-1].version) <= locked


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("5.29.3", "5.33.2", ["5.29.3 → 5.33.2 (upgrade)", "since 5.30.0: ", "since 5.31.0: "]),
        ("5.33.2", "5.30.1", ["5.33.2 → 5.30.1 (way back)", "since 5.31.0: "]),
        ("5.33.2", "5.33.2", []),
        ("", "5.33.2", []),
        ("../odd", "5.33.2", []),
    ],
)
def test_advice(before: str, after: str, said: list[str]) -> None:
    found = advice(*(upgrade_notes.parse(each) for each in (before, after)))
    assert len(found) == len(said)
    assert all(part in line for part, line in zip(said, found, strict=True))


def test_a_host_with_another_omero_web_is_told_before_the_deploy() -> None:
    target = a_target(site_of(a_host()))
    assert host_checks.upgrade(target) == []
    (first, *others) = host_checks.upgrade(
        replace(target, survey=replace(SURVEY, omero_web="5.17.0"))
    )
    assert "OMERO.web 5.17.0 → " in first
    assert any("sessions flush" in each for each in others)


@pytest.mark.parametrize(("version", "refused"), [("5.30.1", False), ("5.32.0", True)])
def test_a_serializer_that_django_no_longer_has(version: str, refused: bool) -> None:
    pickles = "django.contrib.sessions.serializers.PickleSerializer"
    found = [*upgrade_notes.errors(Version(version), pickles)]
    assert bool(found) == refused
    json: Any = "django.contrib.sessions.serializers.JSONSerializer"
    assert [*upgrade_notes.errors(Version(version), json)] == []


def test_a_catalogue_s_plugin_that_needs_a_newer_omero_web_is_refused(tmp_path: Path) -> None:
    text = (upgrade_notes.BUNDLE_LOCK).read_text(encoding="utf-8")
    lock = tmp_path / "site.txt"
    lock.write_text(text.replace("omero-web==5.33.2", "omero-web==5.32.0"))
    plugins = ["omero-iviewer", "omero-figure"]
    found = mistakes_of(a_host(web_requirements=str(lock), web_plugins=plugins))
    assert "omero-iviewer: the catalogue's version needs OMERO.web >=5.33.0" in str(found)
    assert "omero-figure" not in str(found)
