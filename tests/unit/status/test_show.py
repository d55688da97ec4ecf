"""`omeroweb-ops status`: what it warns of, and what its screen says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.releases.installed import Release
from omeroweb_ops.shared.certificate import Certificate
from omeroweb_ops.shared.renewal import RenewalFailure
from omeroweb_ops.shared.security_updates import SecurityUpdates
from omeroweb_ops.status import show, warnings
from omeroweb_ops.status.lines import size, span
from omeroweb_ops.status.model import (
    Configuration,
    Disk,
    Maintenance,
    Metrics,
    Ready,
    Releases,
    SessionClearing,
    Status,
    Unknown,
    Workers,
    try_read,
)

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
GB = 1_000_000_000
SERVES = Release("231324338694", "serves", "5.33.2", "3.11", ("omero-figure 8.0.1",), NOW, NOW)
WELL = Status(
    now=NOW,
    configured=NOW - timedelta(days=30),
    ready=Ready(True, "ok", {"omero.example.org:4064": "ok"}),
    metrics=Metrics({"master": 40_000_000, "0": 30_000_000, "1": 35_000_000}, 61, 900_000, 0),
    releases=Releases(SERVES, "83ecfa9334b0", NOW),
    configuration=Configuration("4e5a690e8283" + "0" * 52),
    workers=Workers(present=2, older=0, settled=9000, up=9000),
    sessions="redis",
    cleared=SessionClearing(NOW, None, None, None),
    url="https://images.example.org/",
    certificate=Certificate(days=61),
    disks=(Disk("/opt/omero/web", 50 * GB, 100 * GB),),
    maintenance=False,
    security=SecurityUpdates(NOW, (), NOW),
    locked=NOW.date(),
)
FILES = replace(WELL, sessions="file")


def warned(seen: Status) -> list[str]:
    """The checks that say something; each with what helps."""
    found = warnings.findings(seen)
    assert all(each.setting for each in found)
    return [each.check for each in found]


def test_a_site_that_is_well_ends_with_status_0() -> None:
    assert warnings.findings(WELL) == []
    assert warnings.status([]) == 0
    screen = show.as_text(WELL, [])
    assert screen.startswith("OMERO.web serves.\n")
    assert screen.endswith("No warnings.")
    for told in (
        "231324338694: omero-web 5.33.2, Python 3.11, omero-figure 8.0.1",
        "previous: 83ecfa9334b0",
        "4e5a690e8283: as last deployed",
        "105 MB with the master, each 30 MB to 35 MB",
        "Redis; 61 stored; memory 900 kB (no limit)",
        "omero.example.org:4064: ok",
        "61 days left",
        "/opt/omero/web: 50 GB of 100 GB free",
    ):
        assert told in screen


@pytest.mark.parametrize(
    ("seen", "check"),
    [
        (replace(WELL, configuration=Configuration("0", differs=("a",))), "configuration"),
        (replace(WELL, configuration=Configuration("0", by_hand=("a",))), "configuration"),
        (replace(WELL, configuration=Configuration("0", mistakes=("a",))), "configuration"),
        (replace(WELL, workers=Workers(1, 1, 61, 9000)), "workers"),
        (replace(WELL, metrics=Metrics({}, 1, 81, 100)), "sessions"),
        (replace(WELL, cleared=SessionClearing(NOW, None, None, "OSError: no")), "clearsessions"),
        (
            replace(FILES, cleared=SessionClearing(NOW - timedelta(days=3), 1, 1, None)),
            "clearsessions",
        ),
        (replace(FILES, cleared=None), "clearsessions"),
        (replace(WELL, certificate=Certificate(days=20)), "certificate"),
        (replace(WELL, certificate=Certificate(dates="expired")), "certificate"),
        (replace(WELL, renewal=RenewalFailure(NOW, "Connection refused")), "certificate"),
        (replace(WELL, disks=(Disk("/", 9 * GB, 100 * GB),)), "disk"),
        (replace(WELL, disks=(Disk("/", GB - 1, 2 * GB),)), "disk"),
        (replace(WELL, security=SecurityUpdates(NOW, ("nginx",), NOW)), "updates"),
        (replace(WELL, security=SecurityUpdates(NOW, (), NOW - timedelta(days=8))), "updates"),
        (replace(WELL, locked=NOW.date() - timedelta(days=91)), "release"),
        (replace(WELL, ready=Ready(True, "ok", {"a:4064": "timed out"})), "OMERO.server"),
        (replace(WELL, ready=Ready(True, "ok", {})), "OMERO.server"),
    ],
)
def test_what_needs_somebody_is_a_warning(seen: Status, check: str) -> None:
    assert warned(seen) == [check]
    assert warnings.status(warnings.findings(seen)) == 1


@pytest.mark.parametrize(
    "seen",
    [
        replace(WELL, workers=Workers(1, 1, 59, 1)),  # a reload takes its time
        replace(WELL, metrics=Metrics({}, 1, 80, 100)),
        replace(WELL, cleared=None),  # Redis expires sessions by itself
        replace(WELL, cleared=SessionClearing(NOW - timedelta(days=9), None, None, None)),
        replace(FILES, cleared=None, configured=NOW - timedelta(days=1)),
        replace(WELL, certificate=Certificate(days=21)),
        replace(WELL, certificate=None, url="http://images.example.org/"),
        replace(WELL, certificate=Certificate(problem="Connection refused")),  # the doctor's
        replace(WELL, certificate=Unknown("no answer")),
        replace(WELL, disks=(Disk("/", 10 * GB, 100 * GB),)),
        replace(WELL, security=None, locked=None),  # an image; a site's own lock
        replace(WELL, security=SecurityUpdates(NOW, (), None)),
        replace(WELL, releases=Releases(SERVES, None, None)),
        replace(WELL, maintenance=Maintenance("New disks", "")),
        replace(WELL, ready=Ready(True, "ok", {"a:4064": "Connection refused", "b:4064": "ok"})),
    ],
)
def test_what_is_as_it_may_be_is_none(seen: Status) -> None:
    assert warned(seen) == []


@pytest.mark.parametrize(
    ("ready", "told"),
    [
        (Unknown("http://127.0.0.1:4080/ops/ready does not answer"), "does not answer"),
        (Ready(False, "ConnectionError", {}), "Redis, the session store: ConnectionError"),
        (Ready(False, "ok", {"omero:4064": "Connection refused"}), "no OMERO.server"),
    ],
)
def test_what_does_not_serve_ends_with_status_2(ready: Any, told: str) -> None:
    seen = replace(WELL, ready=ready, configuration=Configuration("0", differs=("a",)))
    found = warnings.findings(seen)
    assert warnings.status(found) == 2
    assert [each.check for each in found] == ["service", "configuration"]
    assert told in found[0].message
    assert show.as_text(seen, found).startswith("OMERO.web DOES NOT SERVE.")
    assert json.loads(show.as_json(seen, found))["status"] == "not serving"


@pytest.mark.parametrize(
    ("used", "told"),
    [(81, "81% of its memory"), (100, "is full and refuses logins"), (141, "refuses logins")],
)
def test_a_redis_that_is_full_is_told_from_one_that_will_be(used: int, told: str) -> None:
    (found,) = warnings.findings(replace(WELL, metrics=Metrics({}, 1, used, 100)))
    assert told in found.message


PARTS = ("ready", "metrics", "releases", "configuration", "workers", "sessions", "cleared")
ALL = (*PARTS, "url", "certificate", "disks", "maintenance", "security", "renewal")
words = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=120)
numbers = st.integers(0, 10**15)


@given(st.sets(st.sampled_from(ALL)), words)
def test_a_part_that_cannot_be_seen_leaves_the_others_on_the_screen(
    broken: set[str], reason: str
) -> None:
    parts: dict[str, Any] = dict.fromkeys(broken, Unknown(reason))
    seen = replace(WELL, **parts)
    found = warnings.findings(seen)
    screen = show.as_text(seen, found)
    assert (warnings.status(found) == 2) == ("ready" in broken)
    assert bool(found) == bool(broken - {"certificate", "sessions"})
    labels = {"releases": "omero-web 5.33.2", "disks": "50 GB of 100 GB free"}
    for name, told in labels.items():
        assert (told in screen) == (name not in broken)
    whole = json.loads(show.as_json(seen, found))
    assert {name for name in ALL if isinstance(whole[name], dict) and "unknown" in whole[name]} == (
        broken
    )


@given(words, numbers, st.lists(words, max_size=20), st.lists(words, max_size=3), numbers)
def test_the_screen_is_never_wider_than_80_columns(
    word: str, number: int, names: list[str], plugins: list[str], other: int
) -> None:
    seen = replace(
        WELL,
        ready=Ready(True, word, {f"{word}:4064": word}),
        metrics=Metrics({"0": number, "1": other}, number, other, number),
        releases=Releases(replace(SERVES, plugins=tuple(plugins)), word, None),
        configuration=Configuration(word, tuple(names), tuple(names), tuple(names)),
        workers=Workers(number, other, 61, number),
        cleared=SessionClearing(NOW, number, other, word),
        url=f"https://{word}/",
        certificate=Certificate(dates=word),
        disks=(Disk(f"/{word}", min(number, other), max(number, other)),),
        maintenance=Maintenance(word, word),
        security=SecurityUpdates(NOW, tuple(names), NOW),
    )
    screen = show.as_text(seen, warnings.findings(seen))
    assert max(map(len, screen.splitlines())) <= show.WIDTH


def test_why_a_part_cannot_be_seen_names_the_file() -> None:
    assert try_read(Path("/nowhere").stat) == Unknown("/nowhere: No such file or directory")
    assert try_read(lambda: int("")) == Unknown("invalid literal for int() with base 10: ''")
    assert try_read(lambda: 7) == 7


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (68_792_639_488, "68.8 GB")],
)
def test_sizes_are_told_in_units_of_1000(count: int, told: str) -> None:
    assert size(count) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(5, "5 seconds"), (7200, "2 hours"), (86400 * 9, "9 days")]
)
def test_times_are_told_in_the_largest_unit_that_is_full_twice(seconds: int, told: str) -> None:
    assert span(seconds) == told
