"""What kind of picture a file holds: its content decides, as it does for browsers."""

from __future__ import annotations

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def raster(content: bytes) -> str | None:
    """The usual suffix of a PNG, JPEG, GIF or WebP picture; None where it is none of them."""
    for signature, suffix in _SIGNATURES:
        if content.startswith(signature):
            return suffix
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None
