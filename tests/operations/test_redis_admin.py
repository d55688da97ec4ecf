"""Redis' administrator, made by a real shell in a folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from roles.redis import admin_user
from tests.operations.local import programs, run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, path in (
        ("REDIS_ADMIN_SECRET", "var/redis-admin"),
        ("REDIS_CONFIGURATION", "etc"),
        ("ADMINISTRATOR", "etc/admin.conf"),
    ):
        monkeypatch.setattr(admin_user, name, f"{tmp_path}/{path}")
    (tmp_path / "var").mkdir()
    stand_ins = programs(tmp_path / "bin", chown=f'echo "$*" >> {tmp_path}/owners')
    monkeypatch.setenv("PATH", f"{stand_ins}:{os.environ['PATH']}")
    return tmp_path


def test_a_secret_is_made_once_and_redis_knows_its_digest_alone(folder: Path) -> None:
    assert run(admin_user.create) is True
    secret = (folder / "var/redis-admin").read_text().strip()
    assert len(secret) == 64
    digest = hashlib.sha256(secret.encode()).hexdigest()
    line = f"user omero-web-admin on #{digest} ~* +@all\n"
    assert (folder / "etc/admin.conf").read_text() == line
    modes = [
        (folder / name).stat().st_mode & 0o777 for name in ("var/redis-admin", "etc/admin.conf")
    ]
    assert modes == [0o600, 0o640]
    assert (folder / "etc").stat().st_mode & 0o777 == 0o750
    assert (folder / "owners").read_text().splitlines() == [
        f"root:redis {folder}/etc", f"root:redis {folder}/etc/admin.conf.new"
    ]  # fmt: skip
    assert run(admin_user.create) is False


def test_a_configuration_that_is_lost_or_changed_gets_the_same_secret(folder: Path) -> None:
    run(admin_user.create)
    secret = (folder / "var/redis-admin").read_text()
    (folder / "etc/admin.conf").write_text("user omero-web-admin on nopass ~* +@all\n")
    assert run(admin_user.create) is True
    assert (folder / "var/redis-admin").read_text() == secret
    assert run(admin_user.create) is False
