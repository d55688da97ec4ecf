"""Compress collected static files for NGINX.

Each text file gets a gzip file beside it, compressed once and more strongly than for each visitor.
A file's mtime is computed from its content. NGINX computes ETag and Last-Modified from the mtime,
so every host and every release sends the same headers, and browsers' copies stay valid.
"""

from __future__ import annotations

import gzip
import os
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ..shared import cgroup

SUFFIXES = frozenset({".css", ".cur", ".htm", ".html", ".ico", ".js", ".json", ".map", ".mjs",
                      ".svg", ".txt", ".xml"})  # fmt: skip
_MEMORY = 128 << 20  # bytes that a process may need for the largest file of OMERO.web's apps
MIN_SIZE = 256  # bytes: a smaller file fits into the packet with the headers
EPOCH = 946_684_800  # 2000-01-01
SPAN = 20 * 365 * 86_400  # seconds


def prepare(folder: Path, former: Path | None = None) -> None:
    """Set the mtime of every file below a directory, and compress each text that is not yet.

    former: the directory of another release, whose compressed files are reused.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_ours(path)]
    with ProcessPoolExecutor(cgroup.processes(_MEMORY)) as pool:  # compressing well takes time
        twins = [former / path.relative_to(folder) if former else None for path in paths]
        for _ in pool.map(_prepare, paths, twins, chunksize=16):
            pass


def _is_ours(path: Path) -> bool:
    return path.suffix == ".gz" and path.with_suffix("").suffix in SUFFIXES


def _prepare(path: Path, twin: Path | None) -> None:
    content = path.read_bytes()
    time = EPOCH + zlib.crc32(content) % SPAN
    beside = _gz(path)
    if path.suffix in SUFFIXES and not _is_of(beside, time):
        compressed = _taken(twin, content, time) or _compress(content)
        if MIN_SIZE < len(content) > len(compressed):
            _replace(beside, compressed, path.stat().st_mode & 0o777)
            os.utime(beside, (time, time))
        else:
            beside.unlink(missing_ok=True)
    os.utime(path, (time, time))


def _taken(twin: Path | None, content: bytes, time: int) -> bytes | None:
    """Return another release's compressed form of the same content, or None."""
    if twin and _is_of(_gz(twin), time) and twin.read_bytes() == content:
        return _gz(twin).read_bytes()
    return None


def _gz(path: Path) -> Path:
    return path.with_name(path.name + ".gz")


def _is_of(path: Path, time: int) -> bool:
    return path.exists() and path.stat().st_mtime == time


def _compress(content: bytes) -> bytes:
    try:
        from deflate import gzip_compress
    except ImportError:  # not in the site's own lock
        return gzip.compress(content, 9, mtime=0)
    # libdeflate's best: 4 % smaller than gzip -9, and as small as zopfli in a tenth of its time
    return bytes(gzip_compress(content, 12))


def _replace(path: Path, content: bytes, mode: int) -> None:
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.chmod(mode)
    new.replace(path)
