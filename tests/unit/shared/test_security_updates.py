"""Debian's pending security updates, and the age of a release's lock."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.ops import metrics
from omeroweb_ops.shared import security_updates
from omeroweb_ops.shared.security_updates import SecurityUpdates
from omeroweb_ops.state.engine import Engine

# As printed on Debian 12 with three older packages of the security archive, and one of the archive.
SIMULATION = """\
Reading package lists...
Building dependency tree...
The following packages will be upgraded:
  nginx nginx-common nginx-light tzdata
Inst nginx-light [1.22.1-9+deb12u9] (1.22.1-9+deb12u11 Debian-Security:12/oldstable-security [all]) []
Inst nginx [1.22.1-9+deb12u9] (1.22.1-9+deb12u11 Debian-Security:12/oldstable-security [amd64])
Inst tzdata [2025a-0+deb12u1] (2026b-0+deb12u1 Debian:12.14/oldstable [all])
Inst openssl [3.0.2-0ubuntu1.1] (3.0.2-0ubuntu1.2 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
Conf nginx (1.22.1-9+deb12u11 Debian-Security:12/oldstable-security [amd64])
"""  # noqa: E501


def test_only_security_updates_count() -> None:
    assert [*security_updates.security(SIMULATION)] == ["nginx-light", "nginx", "openssl"]


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance([*security_updates.security(text)], list)


def test_the_lists_are_as_old_as_the_newest(tmp_path: Path) -> None:
    assert security_updates.fetched(tmp_path / "none") is None
    assert security_updates.fetched(tmp_path) is None
    for name in ("a_InRelease", "b_Release", "a_Packages"):
        (tmp_path / name).touch()
    found = security_updates.fetched(tmp_path)
    assert found is not None
    newest = max(each.stat().st_mtime for each in tmp_path.glob("*Release"))
    assert found.timestamp() == pytest.approx(newest)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("# Locked: 2026-11-28. More.\n", date(2026, 11, 28)),
        ("# Made by\n# Locked: 2026-01-02\n", date(2026, 1, 2)),
        ("# Locked: 2026-13-02\n", None),
        ("#   uv pip compile\n", None),
    ],
)
def test_the_date_of_a_lock(tmp_path: Path, header: str, expected: date | None) -> None:
    (tmp_path / "requirements.txt").write_text(f"{header}django==5.2.19\n")
    assert security_updates.lock_date(tmp_path) == expected
    assert security_updates.lock_date(tmp_path / "none") is None


def test_the_projects_own_lock_has_a_date() -> None:
    lock = Path(__file__).parents[3] / "app" / "requirements.txt"
    assert security_updates.lock_date(lock.parent) is not None


def test_the_report_is_kept_for_the_metrics(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
    found = SecurityUpdates(now, ("nginx", "openssl"), now)
    monkeypatch.setattr(security_updates, "pending", lambda: found)
    engine.locations.security_updates.parent.mkdir(parents=True, exist_ok=True)
    assert security_updates.report(engine.locations) == 1
    assert "nginx, openssl" in capsys.readouterr().out
    last = json.loads(engine.locations.security_updates.read_text())
    samples = {s.name: s.value for each in metrics.updates(last) for s in each.samples}
    assert samples == {
        "omeroweb_security_updates_pending": 2,
        "omeroweb_security_updates_timestamp_seconds": now.timestamp(),
    }
