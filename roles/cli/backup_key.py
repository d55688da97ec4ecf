"""The passphrase of a backup: from a file, from standard input or from the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

OPTION = click.option(
    "--passphrase-file",
    metavar="FILE",
    help="Read the passphrase from the first line of FILE, from standard input if FILE is -.",
)


def passphrase(file: str | None, *, twice: bool) -> str:
    """Return the passphrase. Without a file, the terminal is asked.

    twice: it must be entered twice. Raises click.ClickException.
    """
    if file is None:
        if not sys.stdin.isatty():
            raise click.ClickException(
                "there is no terminal to ask for the passphrase; name a file with --passphrase-file"
            )
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        raise click.ClickException(f"--passphrase-file: {file} cannot be read ({error})") from None
    found = text.split("\n", 1)[0].rstrip("\r")
    if not found:
        raise click.ClickException(f"--passphrase-file: the first line of {file} is empty")
    return found
