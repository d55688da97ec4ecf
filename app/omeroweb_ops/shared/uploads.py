"""Check pictures, logos and templates of a site by their content, as browsers do."""

from __future__ import annotations

import base64
from pathlib import Path

MAX_LOGO_SIZE = 100_000  # bytes; the logo is part of every maintenance page that is sent
_TYPES = {"png": "image/png", "jpg": "image/jpeg"}
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def image_suffix(content: bytes) -> str | None:
    """Return the suffix of a PNG, JPEG, GIF or WebP picture, or None for anything else."""
    for signature, suffix in _SIGNATURES:
        if content.startswith(signature):
            return suffix
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def picture_suffix(path: str, content: bytes) -> str:
    """Return the suffix from which NGINX takes a picture's media type.

    Raises ValueError unless the content is a picture that all browsers show.
    """
    suffix = image_suffix(content)
    if suffix:
        return suffix
    if b"<svg" in content[:4096]:
        return "svg"
    raise ValueError(f"{path} is not a picture (PNG, JPEG, GIF, WebP or SVG)")


def existing_file(value: str) -> str:
    """Return the absolute path of a file. Raises ValueError if it is missing or unreadable."""
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:  # ~nobody
        raise ValueError(f"{value}: {error}") from None
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    return str(path.absolute())


def picture(value: str) -> str:
    """Return the absolute path of a picture. Raises ValueError if it is not one."""
    path = existing_file(value)
    picture_suffix(path, Path(path).read_bytes())
    return path


def template(value: str) -> str:
    """Return the absolute path of a template. Raises ValueError if it is not one."""
    path = existing_file(value)
    check_template(path)
    return path


def template_folder(value: str) -> str:
    """Return the absolute path of a directory of templates. Raises ValueError if it is not one."""
    folder = Path(value).absolute()
    if not folder.is_dir():
        raise ValueError(f"there is no directory {folder}")
    found = template_files(str(folder))
    if not found:
        raise ValueError(f"{folder} has no files")
    for path in found:
        template(str(path))
    return str(folder)


def template_files(folder: str) -> list[Path]:
    """Return the files below a directory of templates, without hidden ones."""
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def check_template(path: str | Path) -> None:
    """Raise ValueError if the template is not UTF-8, OSError if it cannot be read."""
    try:
        Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason})") from None


def check_logo(path: str) -> str:
    """Return the path. Raises ValueError if the file cannot be the maintenance page's logo."""
    size = Path(path).stat().st_size
    if size > MAX_LOGO_SIZE:
        raise ValueError(
            f"{path} must have at most {MAX_LOGO_SIZE // 1000} kB, not {-(-size // 1000)} kB"
        )
    if _type(Path(path).read_bytes()) is None:
        raise ValueError(f"{path} is not an SVG, PNG or JPEG image")
    return path


def logo_data_uri(path: str) -> str:
    """Return the image as a data: URI for `img src`, where an SVG's scripts do not run."""
    content = Path(path).read_bytes()
    return f"data:{_type(content)};base64,{base64.b64encode(content).decode()}"


def _type(content: bytes) -> str | None:
    """Return the media type of an image's content, or None."""
    kind = _TYPES.get(image_suffix(content) or "")
    if kind:
        return kind
    return "image/svg+xml" if b"<svg" in content and b"\0" not in content else None
