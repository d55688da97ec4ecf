"""Read a site's own logos and templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..shared.uploads import picture_suffix, template_files
from .branding import INDEX


def read(
    logos: Mapping[str, str | None], index_template: str | None, template_dirs: Sequence[str]
) -> dict[str, bytes]:
    """Return the files of a `Branding` from the paths of its parts.

    logos: path by name, as in `branding.LOGOS`. Raises OSError and ValueError.
    """
    found: dict[str, bytes] = {}
    for name, path in logos.items():
        if path:
            content = Path(path).read_bytes()
            found[f"static/{name}.{picture_suffix(path, content)}"] = content
    # as Django searches: if two directories have the same file, the first counts
    for folder in reversed(template_dirs):
        for each in template_files(folder):
            found[f"templates/{each.relative_to(folder).as_posix()}"] = each.read_bytes()
    if index_template:
        found[f"templates/{INDEX}"] = Path(index_template).read_bytes()
    return found
