"""`./run init`: write the inventory of a new site, with its secrets, in a directory of its own."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import click

from . import exit_status, new_site
from .destination import PROJECT, SITE
from .new_site import SECRETS, NewSite

_TLS = ("none", "acme", "files", "self-signed")


@click.command(name="init")
@click.argument("directory", required=False)
@click.option(
    "--host", metavar="HOST", help="Where to install: @local, web1.example.org, user@host."
)
@click.option("--server", metavar="HOST[:PORT]", help="The OMERO.server that visitors log in to.")
@click.option("--name", metavar="NAME", help="The name that visitors use. '' for any name.")
@click.option("--tls", type=click.Choice(_TLS), help="How visitors' connections are encrypted.")
@click.option("--email", metavar="ADDRESS", help="With --tls acme: of the account there.")
@click.option("--certificate", metavar="FILE", help="With --tls files: the certificate, as PEM.")
@click.option("--key", metavar="FILE", help="With --tls files: its private key, as PEM.")
def init(
    directory: str | None,
    host: str | None,
    server: str | None,
    name: str | None,
    tls: str | None,
    email: str | None,
    certificate: str | None,
    key: str | None,
) -> int:
    """Write the inventory of a new site: DIRECTORY/site.py, with secrets.yml beside it.

    It asks for what no option says, and without a terminal takes the defaults. It overwrites
    nothing. The directory gets a git repository of its own, without the secrets.
    """
    folder = Path(_answer("The site's directory", directory, "production"))
    _refuse_existing(folder)
    site = NewSite(
        _answer("Host to install OMERO.web on (@local is this machine)", host, "@local"),
        _answer("OMERO.server that visitors log in to", server, "localhost"),
        _answer("Name that visitors use (empty for any name)", name, ""),
        _tls(folder, tls, email, certificate, key),
    )
    keys = new_site.new_keys()
    mistakes = new_site.mistakes(site, folder, keys)
    if mistakes:
        raise click.ClickException("\n".join(["nothing is written:", *mistakes]))
    new_site.write(folder, site, keys)
    click.echo(_next_steps(folder, new_site.commit(folder)))
    return exit_status.OK


def _answer(question: str, given: str | None, default: str) -> str:
    """Return the option's value, else ask on a terminal, else return the default."""
    if given is not None:
        return given.strip()
    if not sys.stdin.isatty():
        return default
    answer: str = click.prompt(question, default=default, show_default=bool(default))
    return answer.strip()


def _tls(
    folder: Path, kind: str | None, email: str | None, certificate: str | None, key: str | None
) -> str | dict[str, Any]:
    """Return the setting nginx_tls. Raises UsageError if options contradict each other."""
    if kind is None and (certificate or key):
        kind = "files"
    if kind is None and sys.stdin.isatty():
        kind = click.prompt("TLS", type=click.Choice(_TLS), default="none")
    if email and kind != "acme":
        raise click.UsageError(f"--email needs --tls acme, not {kind}")
    if kind != "files":
        if certificate or key:
            raise click.UsageError(f"--certificate and --key need --tls files, not {kind}")
        if kind == "acme":
            return _acme(email)
        return "self-signed" if kind == "self-signed" else "off"
    paths = {
        "certificate": _answer("Certificate with its chain (PEM file)", certificate, ""),
        "key": _answer("Private key (PEM file)", key, ""),
    }
    missing = [f"--{name}" for name, path in paths.items() if not path]
    if missing:
        raise click.UsageError(f"--tls files needs {' and '.join(missing)}")
    return {name: _from(folder, path) for name, path in paths.items()}


def _acme(email: str | None) -> dict[str, Any]:
    """Return the setting for a certificate by Let's Encrypt."""
    address = _answer("Email address of your account with Let's Encrypt", email, "")
    if not address:
        raise click.UsageError("--tls acme needs --email")
    return {"acme": {"email": address}}


def _from(folder: Path, given: str) -> str:
    """Return the path as site.py has it: a relative one counts from the current directory here."""
    path = Path(given).expanduser()
    if path.is_absolute():
        return str(path)
    return os.path.relpath(path.absolute(), folder.absolute())


def _refuse_existing(folder: Path) -> None:
    """Raise ClickException unless the directory can be a new site's."""
    if folder.suffix == ".py" or not re.fullmatch(r"\w[\w.-]*", folder.name, re.ASCII):
        raise click.ClickException(
            f"{str(folder)!r} must be a directory of the site's own, with a name of letters, "
            "digits, '.', '-' and '_'. Example: production"
        )
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise click.ClickException(f"{folder} exists and is not a directory; choose another name")
    found = sorted(each.name for each in folder.iterdir()) if folder.exists() else []
    if found:
        raise click.ClickException(
            f"{folder} is not empty ({', '.join(found[:5])}); nothing is overwritten: choose "
            "another name"
        )


def _next_steps(folder: Path, left: str) -> str:
    project = "" if Path.cwd() == PROJECT else f" (run is in {PROJECT})"
    return "\n".join(
        [
            f"{folder}/{SITE}: the site; edit it",
            f"{folder}/{SECRETS}: its keys, for you alone and not in git: keep a copy elsewhere",
            *([left] if left else []),
            f"Next: ./run plan {folder}, then ./run deploy {folder}{project}",
        ]
    )
