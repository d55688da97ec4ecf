"""The file of a backup: a compressed tar archive with a manifest. Pure: no host, no pyinfra.

The first member, HEADER, has the version of the format and the digest of the second member,
MANIFEST, which has the digest of each file. `age -d FILE | tar tz` lists an encrypted backup
without the bundle.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field, StringConstraints, ValidationError

from ..inventory.model import Model

FORMAT = 1
HEADER = "omero-web-backup.json"
MANIFEST = "manifest.json"
MAX_SIZE = 4_000_000_000  # bytes of all files


class Unreadable(Exception):
    """A file is not a backup that this version of the bundle can read. The message says why."""


class Entry(Model):
    """A path of a host. owner: `user:group`. mode: octal digits. target: of a link."""

    path: str
    kind: Literal["file", "directory", "link"]
    owner: Annotated[str, StringConstraints(pattern=r"\A[\w.-]+:[\w.-]+\z")] = "root:root"
    mode: Annotated[str, StringConstraints(pattern=r"\A[0-7]{3,4}\z")] = "600"
    target: str = ""
    size: Annotated[int, Field(ge=0)] = 0
    sha256: str = ""


class HostEntries(Model):
    """One host of a site: its name and groups in the inventory, and what is backed up of it."""

    name: str
    groups: list[str]
    entries: list[Entry]


class Manifest(Model):
    """The contents of a backup. id: random. created: ISO 8601."""

    id: Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{32}\z")]
    created: str
    sessions: bool
    hosts: list[HostEntries]


@dataclass(frozen=True)
class Backup:
    """A backup in memory. contents: of files, by the name of the host and the path."""

    manifest: Manifest
    contents: Mapping[tuple[str, str], bytes] = field(repr=False)

    def host(self, role: str, name: str, index: int) -> HostEntries | None:
        """Return the host whose part of a role belongs to a host of the new site.

        It has the same name, or the same position in the role, or is the role's first.
        """
        hosts = [each for each in self.manifest.hosts if role in each.groups]
        named = [each for each in hosts if each.name == name]
        return next(iter([*named, *hosts[index : index + 1], *hosts]), None)


def file_entry(path: str, content: bytes, owner: str = "root:root", mode: str = "600") -> Entry:
    """Return the entry of a file."""
    return Entry(
        path=path, kind="file", owner=owner, mode=mode, size=len(content), sha256=_digest(content)
    )


def dump(backup: Backup) -> bytes:
    """Return the file of a backup, not encrypted."""
    manifest = backup.manifest.model_dump_json(indent=1).encode()
    header = json.dumps({"format": FORMAT, "manifest": _digest(manifest)}).encode()
    return tar_of([(HEADER, header), (MANIFEST, manifest), *_files(backup)], compressed=True)


def load(text: bytes) -> Backup:
    """Read and check the file of a backup. Raises Unreadable."""
    try:
        with tarfile.open(fileobj=io.BytesIO(text), mode="r:gz") as tar:
            return _load(tar)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable(f"is not a backup, or is damaged ({error})") from None


def _load(tar: tarfile.TarFile) -> Backup:
    header = _header(_read(tar, tar.next(), HEADER))
    text = _read(tar, tar.next(), MANIFEST)
    if _digest(text) != header:
        raise Unreadable("is damaged: the manifest differs from its digest")
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unreadable(f"is damaged: manifest, {first['loc']}: {first['msg']}") from None
    if sum(entry.size for host in manifest.hosts for entry in host.entries) > MAX_SIZE:
        raise Unreadable(f"is too large: its files have more than {MAX_SIZE} bytes")
    contents: dict[tuple[str, str], bytes] = {}
    for host in manifest.hosts:
        for entry in host.entries:
            if entry.kind == "file":
                content = _read(tar, tar.next(), _member(host.name, entry.path), entry.size)
                if _digest(content) != entry.sha256:
                    raise Unreadable(f"is damaged: {entry.path} differs from its digest")
                contents[host.name, entry.path] = content
    return Backup(manifest, contents)


def _header(text: bytes) -> str:
    """Return the manifest's digest. Raises Unreadable for another format."""
    try:
        header = json.loads(text)
        version, digest = int(header["format"]), str(header["manifest"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unreadable(f"is damaged: {HEADER} cannot be read") from None
    if version != FORMAT:
        raise Unreadable(
            f"has format {version}, and this version of the bundle reads format {FORMAT}; use the "
            "version of the bundle that wrote the backup, or a newer one"
        )
    return digest


def _read(
    tar: tarfile.TarFile, member: tarfile.TarInfo | None, name: str, size: int = 100_000_000
) -> bytes:
    if member is None or member.name != name or not member.isreg() or member.size > size:
        raise Unreadable(f"is not a backup, or is damaged: {name} is missing")
    file = tar.extractfile(member)
    return b"" if file is None else file.read()


def _files(backup: Backup) -> Iterator[tuple[str, bytes]]:
    for host in backup.manifest.hosts:
        for entry in host.entries:
            if entry.kind == "file":
                yield _member(host.name, entry.path), backup.contents[host.name, entry.path]


def _member(host: str, path: str) -> str:
    return f"{quote(host, safe='')}/{path.lstrip('/')}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar_of(files: Iterable[tuple[str, bytes]], *, compressed: bool = False) -> bytes:
    """Return a tar archive of regular files, as they are or compressed by gzip."""
    output = io.BytesIO()
    with (
        tarfile.open(fileobj=output, mode="w:gz", compresslevel=6)
        if compressed
        else tarfile.open(fileobj=output, mode="w")
    ) as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
    return output.getvalue()
