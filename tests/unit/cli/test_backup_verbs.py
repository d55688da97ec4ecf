"""`./run backup`, `restore` and `remove` before they reach a host: options, keys, files."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from roles.backup import archive, encryption
from roles.backup.archive import Backup, Manifest
from roles.cli import group, site_run
from roles.cli.remove import describe

PASSPHRASE = "correct horse battery"
EMPTY = archive.dump(
    Backup(Manifest(id="0" * 32, created="2026-11-29", sessions=False, hosts=[]), {})
)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The calls of pyinfra, which writes EMPTY. The test's own directory has a site."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.py").write_text("web = []\n")
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\nanother line\n")
    found: list[list[str]] = []

    def run(file: io.BufferedRandom, *arguments: str, quiet: bool = False) -> int:
        found.append([*arguments])
        file.seek(0)
        if not file.read():
            file.write(EMPTY)
        return 0

    monkeypatch.setattr(site_run, "run", run)
    return found


def test_a_backup_is_encrypted_for_its_owner_only(runs: list[list[str]]) -> None:
    arguments = ["backup", "-o", "b.age", "--sessions", "--passphrase-file", "passphrase"]
    assert group.main([*arguments, "--limit", "web1"]) == 0
    assert "sessions=True" in runs[0] and runs[0][:2] == ["--limit", "web1"]
    file = Path("b.age")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert encryption.decrypt(file.read_bytes(), passphrase=PASSPHRASE) == EMPTY
    assert sorted(os.listdir()) == ["b.age", "passphrase", "site.py"]


def test_the_passphrase_is_read_from_standard_input(
    runs: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSPHRASE}\n"))
    assert group.main(["backup", "-o", "b.age", "--passphrase-file", "-"]) == 0
    assert encryption.decrypt(Path("b.age").read_bytes(), passphrase=PASSPHRASE) == EMPTY


def test_without_encryption_the_name_and_the_output_say_so(
    runs: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert group.main(["backup", "--unencrypted"]) == 0
    (file,) = Path().glob("*.tar.gz")
    assert file.read_bytes() == EMPTY and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "not encrypted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backup"], "there is no terminal to ask for the passphrase"),
        (["backup", "--unencrypted", "--recipient", "age1x"], "set only one of"),
        (["backup", "--recipient", "age1x"], "'age1x' is not a recipient of age"),
        (["backup", "--passphrase-file", "missing"], "missing cannot be read"),
        (["backup", "--passphrase-file", "/dev/null"], "the first line of /dev/null is empty"),
        (["backup", "--unencrypted", "-o", "site.py"], "site.py exists; name another file"),
        (["backup", "--unencrypted", "-o", "no/where"], "is not a directory that you may write"),
        (["restore", "site.py"], "is not a backup"),
        (["restore", "missing"], "does not exist"),
    ],
)
def test_a_mistake_is_one_error_before_any_host_is_reached(
    arguments: list[str],
    message: str,
    runs: list[list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert group.main(arguments) == 1
    assert message in capsys.readouterr().err
    assert runs == []


def test_a_restore_writes_deploys_and_finishes(runs: list[list[str]]) -> None:
    Path("b.tar.gz").write_bytes(EMPTY)
    assert group.main(["restore", "b.tar.gz", "--replace"]) == 0
    first, deploy, last = runs
    assert "roles.backup.restore" in first and "replace=True" in first
    assert deploy[-1].endswith("/deploy.py")
    assert "roles.backup.finish" in last


def test_the_plan_of_a_removal_has_the_packages_in_one_line() -> None:
    lines = ["remove path /opt", "remove package a", "keep package b: c", "remove package d"]
    assert describe("web1", lines) == [
        "web1:",
        "  remove path /opt",
        "  keep package b: c",
        "  remove packages a d",
    ]
    assert describe("web1", []) == ["web1: there is nothing to remove"]


def test_the_shared_file_is_nowhere_on_a_disk() -> None:
    with site_run.shared_file(b"secret") as file:
        assert site_run.content(file) == b"secret"
        assert "memfd" in os.readlink(f"/proc/self/fd/{file.fileno()}")
