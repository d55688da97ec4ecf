"""The bytes of original files: made when they are read, or what was uploaded."""

from __future__ import annotations

import hashlib
import random
import threading

PERIOD = 1_048_583  # a prime, so that no block of a reader falls on it


class Files:
    """Contents by the file's id. What was uploaded lies in memory."""

    def __init__(self) -> None:
        self._uploaded: dict[int, bytearray] = {}
        self._period: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def read(self, id: int, size: int, position: int, length: int) -> bytes:
        """Bytes of a file of that size, the same ones each time."""
        if id in self._uploaded:
            return bytes(self._uploaded[id][position : position + length])
        length = max(min(length, size - position), 0)
        start = position % PERIOD
        with self._lock:
            if id not in self._period:
                self._period = {id: period(id)}  # of the last one that was read
            block = self._period[id]
        return (block * ((start + length) // PERIOD + 1))[start : start + length]

    def write(self, id: int, position: int, data: bytes) -> int:
        """Store a block; returns the size of the file."""
        stored = self._uploaded.setdefault(id, bytearray())
        stored.extend(bytes(max(position + len(data) - len(stored), 0)))
        stored[position : position + len(data)] = data
        return len(stored)

    def sha1(self, id: int) -> str:
        """The digest of what was uploaded; OMERO.web compares it with what it has sent."""
        return hashlib.sha1(self._uploaded.get(id, b"")).hexdigest()


def period(id: int) -> bytes:
    """What the file consists of, over and over. Tests make it, too, and compare."""
    return random.Random(id).randbytes(PERIOD)
