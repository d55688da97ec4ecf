"""The file of a backup: what is written is read again, and nothing else is."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.backup import archive
from roles.backup.archive import Backup, Entry, HostEntries, Manifest, Unreadable, file_entry

PATHS = st.from_regex(r"\A(/[a-z.]{1,8}){1,3}\Z").filter(lambda path: "/." not in path)
NAMES = st.sampled_from(["web1.example.org", "@docker/a", "@local", "2001:db8::1"])


def backup_of(hosts: dict[str, dict[str, bytes]]) -> Backup:
    contents = {(name, path): text for name, files in hosts.items() for path, text in files.items()}
    entries = [
        HostEntries(
            name=name,
            groups=["web"],
            entries=[file_entry(path, text) for path, text in files.items()],
        )
        for name, files in hosts.items()
    ]
    manifest = Manifest(id="0" * 32, created="2026-11-29T15:00:00", sessions=True, hosts=entries)
    return Backup(manifest, contents)


EXAMPLE = backup_of({"web1": {"/a": b"text", "/b": b"\0\xff" * 500}})
FILE = archive.dump(EXAMPLE)


@given(st.dictionaries(NAMES, st.dictionaries(PATHS, st.binary(max_size=300), max_size=4)))
def test_what_is_written_is_read_again(hosts: dict[str, dict[str, bytes]]) -> None:
    backup = backup_of(hosts)
    read = archive.load(archive.dump(backup))
    assert read.manifest == backup.manifest
    assert read.contents == backup.contents


@given(st.integers(0, len(FILE) - 1))
def test_a_part_of_a_file_is_refused(size: int) -> None:
    try:
        read = archive.load(FILE[:size])
    except Unreadable:
        return
    assert read.contents == EXAMPLE.contents  # only the end of the compression was missing


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_an_altered_file_is_refused(position: int, change: int) -> None:
    altered = bytearray(FILE)
    altered[position] ^= change
    try:
        read = archive.load(bytes(altered))
    except Unreadable:
        return
    assert read == EXAMPLE  # for example the time in the head of the compression


def changed(change: Callable[[str, bytes], bytes]) -> bytes:
    """The example with other members: change(name, content)."""
    output = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(FILE)) as old,
        tarfile.open(fileobj=output, mode="w:gz") as new,
    ):
        for member in old:
            file = old.extractfile(member)
            assert file
            content = change(member.name, file.read())
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return output.getvalue()


def test_a_newer_format_is_named() -> None:
    newer = changed(
        lambda name, text: (
            json.dumps({**json.loads(text), "format": 2}).encode()
            if name == archive.HEADER
            else text
        )
    )
    with pytest.raises(Unreadable, match="has format 2, and this version of the bundle reads"):
        archive.load(newer)


@pytest.mark.parametrize("name", [archive.MANIFEST, "web1/b"])
def test_a_changed_member_is_named(name: str) -> None:
    with pytest.raises(Unreadable, match="differs from its digest"):
        archive.load(changed(lambda each, text: text[::-1] if each == name else text))


@pytest.mark.parametrize(
    "text",
    [b"", b"no archive", gzip.compress(b"", mtime=0), gzip.compress(b"no archive" * 100, mtime=0)],
)
def test_another_file_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        archive.load(text)


def test_a_new_host_gets_the_part_of_its_name_else_of_its_position_else_the_first() -> None:
    backup = backup_of({"a": {"/x": b"1"}, "b": {"/x": b"2"}})
    found = [backup.host("web", name, index) for name, index in (("b", 0), ("new", 1), ("new", 7))]
    assert [each.name for each in found if each] == ["b", "b", "a"]
    assert backup.host("redis", "a", 0) is None


@pytest.mark.parametrize(
    "values", [{"owner": "root"}, {"mode": "rwx"}, {"kind": "fifo"}, {"size": -1}]
)
def test_an_entry_is_strict(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Entry.model_validate({"path": "/a", "kind": "file", **values})
