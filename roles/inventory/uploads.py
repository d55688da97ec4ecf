"""Pictures, logos and templates that a site uploads: their content decides, as for browsers."""

from __future__ import annotations

import base64
from pathlib import Path

MAX_LOGO_SIZE = 100_000  # bytes; the page is sent with every answer
_TYPES = {"png": "image/png", "jpg": "image/jpeg"}
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def image_suffix(content: bytes) -> str | None:
    """The usual suffix of a PNG, JPEG, GIF or WebP picture; None where it is none of them."""
    for signature, suffix in _SIGNATURES:
        if content.startswith(signature):
            return suffix
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def picture_suffix(path: str, content: bytes) -> str:
    """The suffix by which NGINX knows a picture's type. Raises ValueError where it is no picture
    that all browsers show; the content decides, since that is what they look at."""
    suffix = image_suffix(content)
    if suffix:
        return suffix
    if b"<svg" in content[:4096]:
        return "svg"
    raise ValueError(f"{path} is no picture (PNG, JPEG, GIF, WebP or SVG)")


def template_files(folder: str) -> list[Path]:
    """The files of a folder of templates, without hidden ones."""
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def check_template(path: str | Path) -> None:
    """Raises ValueError where Django could not read it, OSError where nobody can."""
    try:
        Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error.reason})") from None


def check_logo(path: str) -> str:
    """The path; ValueError where the file cannot be a page's logo."""
    size = Path(path).stat().st_size
    if size > MAX_LOGO_SIZE:
        raise ValueError(
            f"{path} has {size // 1000} kB; at most {MAX_LOGO_SIZE // 1000} kB will do"
        )
    if _type(Path(path).read_bytes()) is None:
        raise ValueError(f"{path} is no SVG, PNG or JPEG image")
    return path


def logo_data_uri(path: str) -> str:
    """The image as a URI that holds it, for `img src`, where an SVG's scripts do not run."""
    content = Path(path).read_bytes()
    return f"data:{_type(content)};base64,{base64.b64encode(content).decode()}"


def _type(content: bytes) -> str | None:
    """The media type by what stands in the file, whatever its name."""
    kind = _TYPES.get(image_suffix(content) or "")
    if kind:
        return kind
    return "image/svg+xml" if b"<svg" in content and b"\0" not in content else None
