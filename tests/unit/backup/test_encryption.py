"""Backups are encrypted for a passphrase, age or GnuPG; all else is refused with a reason."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pyrage
import pytest

from roles.backup import encryption
from roles.backup.archive import Unreadable
from roles.backup.encryption import Key, Refused

CONTENT = b"\x1f\x8bwhat a backup begins with" * 50
PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def encrypted() -> bytes:
    return encryption.encrypt(CONTENT, Key(PASSPHRASE))


def test_a_passphrase_opens_what_it_has_encrypted(encrypted: bytes) -> None:
    assert CONTENT[:10] not in encrypted
    assert encryption.needs(encrypted) == "passphrase"
    assert encryption.decrypt(encrypted, passphrase=PASSPHRASE) == CONTENT


def test_a_wrong_passphrase_a_part_and_a_change_are_refused(encrypted: bytes) -> None:
    with pytest.raises(Refused, match="the passphrase is wrong, or the file is damaged"):
        encryption.decrypt(encrypted, passphrase="another one")
    for damaged in (encrypted[:-1], encrypted[:-40], encrypted[:-1] + b"\0", encrypted + b"\0"):
        with pytest.raises(Refused, match="damaged"):
            encryption.decrypt(damaged, passphrase=PASSPHRASE)


def test_an_identity_of_age_opens_what_its_recipient_is_sent(tmp_path: Path) -> None:
    own, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    encrypted = encryption.encrypt(CONTENT, Key(recipients=(str(own.to_public()),)))
    (tmp_path / "own").write_text(f"# created: today\n{own}\n")
    (tmp_path / "other").write_text(f"{other}\n")
    assert encryption.decrypt(encrypted, identity=tmp_path / "own") == CONTENT
    with pytest.raises(Refused, match="the identity does not fit"):
        encryption.decrypt(encrypted, identity=tmp_path / "other")
    with pytest.raises(Refused, match="--identity"):
        encryption.decrypt(encrypted)


@pytest.mark.parametrize("text", ["", "age1abc", "# only a comment", "AGE-SECRET-KEY-1XYZ"])
def test_a_file_without_an_identity_is_refused(text: str, tmp_path: Path) -> None:
    own = pyrage.x25519.Identity.generate()
    encrypted = encryption.encrypt(CONTENT, Key(recipients=(str(own.to_public()),)))
    (tmp_path / "identity").write_text(text)
    with pytest.raises(Refused, match="has no identity of age"):
        encryption.decrypt(encrypted, identity=tmp_path / "identity")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (Key("short"), "at least 8 characters"),
        (Key(recipients=("age1nobody",)), "'age1nobody' is not a recipient of age"),
        (Key(recipients=("ssh-ed25519 broken",)), "is not a recipient of age"),
    ],
)
def test_a_key_is_checked_before_anything_is_collected(key: Key, message: str) -> None:
    with pytest.raises(Refused, match=message):
        encryption.check(key)


def test_without_gpg_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Refused, match="gpg is not installed on this machine; install gpg, or"):
        encryption.check(Key(gpg=("ada@example.org",)))


@pytest.mark.skipif(not shutil.which("gpg"), reason="needs gpg")
def test_gnupg_opens_what_is_encrypted_for_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", str(tmp_path))
    tmp_path.chmod(0o700)
    with pytest.raises(Refused, match="gpg: "):
        encryption.check(Key(gpg=("ada@example.org",)))
    make = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key"]
    try:
        subprocess.run([*make, "ada@example.org", "default", "default"], check=True)
        encrypted = encryption.encrypt(CONTENT, Key(gpg=("ada@example.org",)))
        assert encryption.needs(encrypted) == "gpg"
        assert encryption.decrypt(encrypted) == CONTENT
        with pytest.raises(Refused, match="gpg: "):
            encryption.decrypt(encrypted[:-20])
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False)


def test_what_is_not_encrypted_is_returned_and_other_files_are_refused() -> None:
    assert encryption.decrypt(encryption.encrypt(CONTENT, Key())) == CONTENT
    with pytest.raises(Unreadable, match="is not a backup"):
        encryption.decrypt(b"something else")


def test_a_key_is_not_printed() -> None:
    assert PASSPHRASE not in repr(Key(PASSPHRASE))
