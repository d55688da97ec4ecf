"""Read and write `etc/grid/config.xml` in the form of omero-py's `omero.config.ConfigXml`.

The file holds profiles (`<properties id="default">`) and `__ACTIVE__`, a copy of the current one.
Even `omero config get` rewrites it (time stamp, mode 0644), so contents are compared, never bytes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from ..shared import regular_file

ACTIVE = "__ACTIVE__"
PROFILE = "omero.config.profile"
VERSION = "omero.config.version"
_VERSION = "5.1.0"  # omero.config.ConfigXml.VERSION
LOCK_TIMEOUT = 30.0  # seconds; a change of the configuration takes less than one


class Unreadable(Exception):
    """A stored file cannot be read. The message has its path and the remedy."""


def read(path: Path) -> dict[str, str]:
    """Return the current profile's properties; none if there is no file yet."""
    tree = _parse(path)
    return {} if tree is None else _properties(tree, _profile(tree))


def write(path: Path, properties: Mapping[str, str]) -> None:
    """Replace the current profile's properties atomically, and keep other profiles.

    A reader, also after a crash, sees either the whole old file or the whole new file.
    """
    tree = _parse(path)
    profile = "default" if tree is None else _profile(tree)
    root = ElementTree.Element("icegrid")
    _add(root, ACTIVE, {PROFILE: profile, VERSION: _VERSION, **properties})
    _add(root, profile, {VERSION: _VERSION, **properties})
    for block in [] if tree is None else tree.findall("./properties"):
        if block.get("id") not in (ACTIVE, profile):
            root.append(block)
    ElementTree.SubElement(root, "include", file="templates.xml")
    regular_file.replace(path, ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True))


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Hold the bundle's own lock, which the bundle's `omero config` takes, too.

    Upstream's lock is not reliable: its file is unlinked while other processes hold the lock.

    Raises OSError if another process holds it for LOCK_TIMEOUT.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        _take(descriptor, lock)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, lock: Path) -> None:
    end = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                reason = f"another process has held it for {LOCK_TIMEOUT:g} s; see `lslocks`"
                raise OSError(errno.EBUSY, reason, str(lock)) from None
            time.sleep(0.1)


def _parse(path: Path) -> ElementTree.Element | None:
    try:
        text = regular_file.read_bytes(path)
    except FileNotFoundError:
        return None
    if not text.strip():
        return None
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise Unreadable(
            f"{path} is not readable XML ({error}); repair it, or move it away to start empty"
        ) from error


def _profile(tree: ElementTree.Element) -> str:
    return _properties(tree, ACTIVE, internal=True).get(PROFILE, "default")


def _properties(tree: ElementTree.Element, block: str, *, internal: bool = False) -> dict[str, str]:
    found: dict[str, str] = {}
    for properties in tree.findall("./properties"):
        if properties.get("id") == block:
            for entry in properties.findall("./property"):
                found[entry.get("name", "")] = entry.get("value", "")
    if not internal:
        found.pop(PROFILE, None)
        found.pop(VERSION, None)
    return found


def _add(root: ElementTree.Element, block: str, properties: Mapping[str, str]) -> None:
    element = ElementTree.SubElement(root, "properties", id=block)
    for name, value in properties.items():
        ElementTree.SubElement(element, "property", name=name, value=value)
