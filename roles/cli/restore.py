"""`./run restore`: bring a backup back on the hosts of a site."""

from __future__ import annotations

from pathlib import Path

import click

from . import backup_key, destination, host_options, pyinfra_run, site_run


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@destination.argument
@backup_key.OPTION
@click.option("--identity", metavar="FILE", type=Path, help="A private key of age or SSH.")
@click.option("--replace", is_flag=True, help="Replace the installation that the hosts have.")
@host_options.add
def restore(
    file: Path, inventory: str, passphrase_file: str | None, identity: Path | None, replace: bool
) -> int:
    """Restore a backup FILE on the hosts of a site, and deploy the site.

    The hosts must be empty, unless you say --replace. Run the same command again if it has been
    interrupted: it continues.
    """
    content = _decrypted(file, passphrase_file, identity)
    options = host_options.given()
    with site_run.shared_file(content) as shared:
        number = f"descriptor={shared.fileno()}"
        steps = [
            ["roles.backup.restore", number, f"replace={replace}"],
            [pyinfra_run.DEPLOY],
            ["roles.backup.finish", number],
        ]
        for step in steps:
            status = site_run.run(shared, *options, inventory, *step)
            if status and step is not steps[0]:
                click.echo(
                    "run: the restore is not complete; run the same command again when the cause "
                    "has been removed",
                    err=True,
                )
            if status:
                return status
    return 0


def _decrypted(path: Path, passphrase_file: str | None, identity: Path | None) -> bytes:
    """Return the checked content of a backup. Raises click.ClickException."""
    from ..backup import archive, encryption

    try:
        encrypted = path.read_bytes()
        asks = encryption.needs(encrypted) == "passphrase"
        passphrase = backup_key.passphrase(passphrase_file, twice=False) if asks else ""
        content = encryption.decrypt(encrypted, passphrase=passphrase, identity=identity)
        archive.load(content)
    except (archive.Unreadable, OSError) as error:
        raise click.ClickException(f"{path} {error}; nothing has been changed") from None
    except encryption.Refused as error:
        raise click.ClickException(f"{path}: {error}; nothing has been changed") from None
    return content
