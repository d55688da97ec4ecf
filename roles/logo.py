"""A logo that travels inside a page: nothing else is asked from a server that is away."""

from __future__ import annotations

import base64
from pathlib import Path

from .pictures import raster

LARGEST = 100_000  # bytes; the page is sent with every answer
_TYPES = {"png": "image/png", "jpg": "image/jpeg"}


def embeddable(path: str) -> str:
    """The path; ValueError where the file cannot be a page's logo."""
    size = Path(path).stat().st_size
    if size > LARGEST:
        raise ValueError(f"{path} has {size // 1000} kB; at most {LARGEST // 1000} kB will do")
    if _type(Path(path).read_bytes()) is None:
        raise ValueError(f"{path} is no SVG, PNG or JPEG image")
    return path


def data_uri(path: str) -> str:
    """The image as a URI that holds it, for `img src`, where an SVG's scripts do not run."""
    content = Path(path).read_bytes()
    return f"data:{_type(content)};base64,{base64.b64encode(content).decode()}"


def _type(content: bytes) -> str | None:
    """The media type by what stands in the file, whatever its name."""
    kind = _TYPES.get(raster(content) or "")
    if kind:
        return kind
    return "image/svg+xml" if b"<svg" in content and b"\0" not in content else None
