"""Encrypt backups: age with a passphrase or recipients (https://age-encryption.org/), or GnuPG.

The command `age` opens the files, too. GnuPG's own keyring has the keys of its recipients.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from .archive import Unreadable

MIN_PASSPHRASE = 8  # characters
_AGE = b"age-encryption.org/v1\n"
_GZIP = b"\x1f\x8b"


class Refused(Exception):
    """A backup cannot be encrypted or decrypted in this way. The message says why."""


@dataclass(frozen=True)
class Key:
    """What encrypts a backup: exactly one of these, or nothing.

    recipients: public keys of age (`age1…`) or of SSH. gpg: key IDs or addresses for GnuPG.
    """

    passphrase: str = field(default="", repr=False)
    recipients: tuple[str, ...] = ()
    gpg: tuple[str, ...] = ()


def encrypt(content: bytes, key: Key) -> bytes:
    """Return a backup encrypted with a key, or as it is. Raises Refused."""
    if key.gpg:
        names = [word for each in key.gpg for word in ("--recipient", each)]
        return _gpg(content, "--encrypt", "--trust-model", "always", *names)
    if key.recipients:
        return bytes(pyrage.encrypt(content, [_recipient(each) for each in key.recipients]))
    if key.passphrase:
        return bytes(pyrage.passphrase.encrypt(content, key.passphrase))
    return content


def check(key: Key) -> None:
    """Check a key before anything is collected. Raises Refused."""
    for each in key.recipients:
        _recipient(each)
    if key.passphrase and len(key.passphrase) < MIN_PASSPHRASE:
        raise Refused(f"the passphrase must have at least {MIN_PASSPHRASE} characters")
    if key.gpg:
        encrypt(b"", key)


def needs(content: bytes) -> str:
    """Return what decrypts a backup: `passphrase`, `identity` or `gpg`, "" if it is not encrypted.

    Raises Unreadable.
    """
    if content.startswith(_GZIP):
        return ""
    if content.startswith(_AGE):
        return "passphrase" if content[len(_AGE) :].startswith(b"-> scrypt ") else "identity"
    if content.startswith(b"-----BEGIN PGP MESSAGE") or content[:1] >= b"\x80":
        return "gpg"
    raise Unreadable("is not a backup, or is damaged: it begins with neither age, GnuPG nor gzip")


def decrypt(content: bytes, *, passphrase: str = "", identity: Path | None = None) -> bytes:
    """Return a decrypted backup.

    Raises Refused if the key is wrong, and Unreadable if the file is not a backup.
    """
    needed = needs(content)
    if needed == "gpg":
        return _gpg(content, "--decrypt")
    try:
        if needed == "passphrase":
            return bytes(pyrage.passphrase.decrypt(content, passphrase))
        if needed == "identity":
            if identity is None:
                raise Refused("is encrypted for a recipient of age; name its key with --identity")
            return bytes(pyrage.decrypt(content, _identities(identity)))
    except pyrage.DecryptError as error:
        what = "the passphrase is wrong" if needed == "passphrase" else "the identity does not fit"
        raise Refused(f"{what}, or the file is damaged ({error})") from None
    return content


def _recipient(text: str) -> object:
    kind = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(text)
    except pyrage.RecipientError as error:
        raise Refused(
            f"{text!r} is not a recipient of age ({error}). Example: the output of age-keygen -y"
        ) from None


def _identities(path: Path) -> list[object]:
    """Read a file of age-keygen, or a private key of SSH without a passphrase. Raises Refused."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read ({error})") from None
    try:
        if "PRIVATE KEY-----" in text:
            return [pyrage.ssh.Identity.from_buffer(text.encode())]
        lines = [line.strip() for line in text.splitlines()]
        found = [pyrage.x25519.Identity.from_str(x) for x in lines if x and not x.startswith("#")]
    except pyrage.IdentityError as error:
        raise Refused(f"{path} has no identity of age ({error})") from None
    if not found:
        raise Refused(f"{path} has no identity of age")
    return [*found]


def _gpg(content: bytes, *arguments: str) -> bytes:
    program = shutil.which("gpg")
    if program is None:
        raise Refused("gpg is not installed on this machine; install gpg, or use a passphrase")
    done = subprocess.run(
        [program, "--batch", "--quiet", "--no-tty", *arguments],
        input=content,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise Refused(f"gpg: {lines[-1] if lines else 'failed'}")
    return done.stdout
