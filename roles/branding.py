"""A site's logos and templates, as files beside the inventory: read and checked here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from omeroweb_ops.state.branding import INDEX, INDEX_TEMPLATE, LOGOS, Branding
from omeroweb_ops.state.desired import Finding

from .pictures import raster

if TYPE_CHECKING:
    from .settings import BrandingFiles, Settings


def read(files: BrandingFiles) -> Branding:
    """Everything that is to be deployed, by its path there. Raises OSError and ValueError."""
    found: dict[str, bytes] = {}
    for name in LOGOS:
        path = getattr(files, name)
        if path:
            content = Path(path).read_bytes()
            found[f"static/{name}.{picture(path, content)}"] = content
    # as Django searches: of two folders with one file, the first counts
    for folder in reversed(files.template_dirs):
        for path in templates(folder):
            name = path.relative_to(folder).as_posix()
            found[f"templates/{name}"] = path.read_bytes()
    if files.index_template:
        found[f"templates/{INDEX}"] = Path(files.index_template).read_bytes()
    return Branding(found)


def picture(path: str, content: bytes) -> str:
    """The suffix by which NGINX knows a picture's type. Raises ValueError where it is no picture
    that all browsers show; the content decides, since that is what they look at."""
    suffix = raster(content)
    if suffix:
        return suffix
    if b"<svg" in content[:4096]:
        return "svg"
    raise ValueError(f"{path} is no picture (PNG, JPEG, GIF, WebP or SVG)")


def templates(folder: str) -> list[Path]:
    """The files of a folder of templates, without hidden ones."""
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def template(path: str | Path) -> None:
    """Raises ValueError where Django could not read it, OSError where nobody can."""
    try:
        Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error.reason})") from None


def contradictions(settings: Settings) -> Iterator[Finding]:
    """What is said twice."""
    for name, prop in {**LOGOS, "index_template": INDEX_TEMPLATE}.items():
        if getattr(settings.web_branding, name) and prop in settings.web_config:
            yield Finding("web_branding", f"{name} contradicts {prop} in web_config; write one")
