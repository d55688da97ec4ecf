"""`./run backup`: one file of what an installation is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from . import backup_key, destination, host_options, site_run


@click.command()
@destination.argument
@click.option("--output", "-o", metavar="FILE", help="The new file. [default: SITE-DATE.age]")
@click.option("--sessions", is_flag=True, help="With the sessions of the users who are logged in.")
@backup_key.OPTION
@click.option("--recipient", multiple=True, metavar="KEY", help="A public key of age or SSH.")
@click.option("--gpg-recipient", multiple=True, metavar="KEY", help="A key of your GnuPG keyring.")
@click.option("--unencrypted", is_flag=True, help="Do not encrypt the secrets in the file.")
@host_options.add
def backup(
    inventory: str,
    output: str | None,
    sessions: bool,
    passphrase_file: str | None,
    recipient: tuple[str, ...],
    gpg_recipient: tuple[str, ...],
    unencrypted: bool,
) -> int:
    """Back up a site: one encrypted file of what its installation is.

    The file has the properties, also those that have been set with `omero config`, the key that
    signs sessions, the logos and the certificates. docs/backup.md says what it does not have. A
    passphrase encrypts the file, or age or GnuPG for the owner of a key. Repeat --recipient or
    --gpg-recipient for several.
    """
    from ..backup import encryption

    given = [passphrase_file is not None, bool(recipient), bool(gpg_recipient), unencrypted]
    if sum(given) > 1:
        raise click.UsageError(
            "set only one of --passphrase-file, --recipient, --gpg-recipient and --unencrypted"
        )
    asks = not any(given[1:])
    path = Path(output or _name(inventory, gpg_recipient, unencrypted)).expanduser()
    if os.path.lexists(path):
        raise click.ClickException(f"{path} exists; name another file with --output")
    if not os.access(path.absolute().parent, os.W_OK):
        raise click.ClickException(
            f"{path.absolute().parent} is not a directory that you may write"
        )
    try:
        key = encryption.Key(
            backup_key.passphrase(passphrase_file, twice=True) if asks else "",
            recipient,
            gpg_recipient,
        )
        encryption.check(key)
        with site_run.shared_file() as file:
            arguments = [f"descriptor={file.fileno()}", f"sessions={sessions}"]
            status = site_run.run(
                file, *host_options.given(), inventory, "roles.backup.make", *arguments
            )
            collected = site_run.content(file)
        if status or not collected:
            click.echo("run: no backup has been written", err=True)
            return status or 1
        encrypted = encryption.encrypt(collected, key)
    except encryption.Refused as error:
        raise click.ClickException(str(error)) from None
    _write(path, encrypted)
    click.echo(f"{path}: {len(encrypted)} bytes{', not encrypted' * unencrypted}")
    return 0


def _write(path: Path, content: bytes) -> None:
    """Write the file for its owner only: nothing, or the whole file. Raises click.FileError."""
    from omeroweb_ops.shared import regular_file

    try:
        regular_file.replace(path, content, 0o600)
    except OSError as error:
        raise click.FileError(str(path), error.strerror or "cannot be written") from None


def _name(inventory: str, gpg: tuple[str, ...], unencrypted: bool) -> str:
    path = Path(inventory)
    site = path.absolute().parent.name if path.name == destination.SITE else path.stem
    ending = "tar.gz" if unencrypted else "gpg" if gpg else "age"
    return f"{site.strip('@').replace('/', '-')}-{time.strftime('%Y-%m-%d-%H%M%S')}.{ending}"
