"""Collect the files of a host that are backed up, as one remote call prints them."""

from __future__ import annotations

import base64
import binascii
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from omeroweb_ops.locations import BASE
from pyinfra.api import DeployError, Host, StringCommand

from .. import host_paths
from ..conventions import LOCATIONS, USER
from ..operations import shell_file
from ..operations.facts import FIRST_LINE, own_lines
from ..operations.privilege import printable, with_functions
from .archive import Entry, file_entry
from .contents import CONFIG_XML, LETSENCRYPT, REDIS_KEYS, WEB_PATTERN, is_kept

_SCRIPT = shell_file.read(__file__, "host_files.sh")
MAX_FILE = 20_000_000  # bytes of OMERO.web's configuration
MAX_SESSIONS = 1_000_000_000  # bytes
_ROOTS = {"web": LOCATIONS.omerodir, "files": LOCATIONS.sessions}  # of the sections' paths
Files = list[tuple[Entry, bytes]]


def command(*, sessions: bool) -> str:
    """Return shell that prints what is backed up of a host."""
    script = shell_file.command(
        _SCRIPT,
        base=BASE,
        omerodir=LOCATIONS.omerodir,
        user=USER,
        nginx_site=host_paths.NGINX_SITE,
        nginx_tls=host_paths.NGINX_TLS,
        letsencrypt=LETSENCRYPT,
        redis=host_paths.REDIS_COMMAND,
        web_files=WEB_PATTERN,
        sessions="yes" if sessions else "",
        max_file=MAX_FILE,
        max_sessions=MAX_SESSIONS,
    )
    return f"echo '{FIRST_LINE}'\n{with_functions(script)}"


def collect(host: Host, *, sessions: bool, **arguments: Any) -> Files:
    """Return the entries of a host with their contents.

    arguments: of pyinfra's connector, for example _sudo. Raises DeployError.
    """
    done, output = host.run_shell_command(StringCommand(command(sessions=sessions)), **arguments)
    try:
        if not done:
            raise ValueError("the host gives no answer")
        files = [*_entries(read(own_lines(output.stdout_lines)))]
        _check(files, web="web" in host.groups)
    except ValueError as error:
        said = "".join(f"\n    {printable(line)}" for line in output.stderr_lines[-5:])
        raise DeployError(f"{host.name} cannot be backed up: {error}{said}") from None
    return files


def read(lines: Sequence[str]) -> dict[str, bytes]:
    """Parse the sections. Raises ValueError if one has failed or is incomplete."""
    sections: dict[str, bytes] = {}
    name, columns = "", list[str]()
    for line in lines:
        kind, _, value = line.partition(" ")
        if kind == "section":
            name, columns = value, []
        elif kind == "status":
            if value != "0":
                raise ValueError(f"reading of its part {name!r} ends with status {value}")
            try:
                sections[name] = base64.b64decode("".join(columns), validate=True)
            except binascii.Error:
                raise ValueError(f"its part {name!r} is incomplete") from None
            name = ""
        else:
            columns.append(line)
    if name or not sections:
        raise ValueError("its answer is incomplete")
    return sections


def _entries(sections: Mapping[str, bytes]) -> Iterator[tuple[Entry, bytes]]:
    for section, content in sections.items():
        if not content:
            continue
        if section == "redis":
            if len(content) >= MAX_SESSIONS:
                raise ValueError(f"the sessions in Redis have more than {MAX_SESSIONS} bytes")
            yield file_entry(REDIS_KEYS, content), content
        else:
            yield from _from_tar(section, content)


def _from_tar(section: str, content: bytes) -> Iterator[tuple[Entry, bytes]]:
    """Yield the regular files, directories and links of an archive that a host has printed."""
    root = _ROOTS.get(section, Path("/"))
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                path = str(root / member.name.removeprefix("./").rstrip("/"))
                if not is_kept(section, path):
                    continue
                owner, mode = f"{member.uname}:{member.gname}", f"{member.mode & 0o7777:o}"
                if member.isreg():
                    file = tar.extractfile(member)
                    text = b"" if file is None else file.read()
                    yield file_entry(path, text, owner, mode), text
                elif section in ("root", "certificates") and (member.isdir() or member.issym()):
                    kind = "directory" if member.isdir() else "link"
                    values = {"path": path, "kind": kind, "owner": owner, "mode": mode}
                    yield Entry.model_validate({**values, "target": member.linkname}), b""
    except tarfile.TarError as error:
        raise ValueError(f"its part {section!r} is incomplete ({error})") from None


def _check(files: Files, *, web: bool) -> None:
    """Raise ValueError if OMERO.web's configuration is missing or cannot be read."""
    found = {entry.path: content for entry, content in files}
    if CONFIG_XML not in found:
        if web:
            raise ValueError(
                f"{CONFIG_XML} must be a regular file that {USER} can read, of at most {MAX_FILE} "
                "bytes"
            )
        return
    try:
        ElementTree.fromstring(found[CONFIG_XML])
    except ElementTree.ParseError as error:
        raise ValueError(f"{CONFIG_XML} is not readable XML ({error}); repair it") from None
