"""Read and check a site's logos and templates, which are files beside the inventory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omeroweb_ops.property_names import INDEX_TEMPLATE
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state.branding import INDEX, LOGOS, Branding

from .settings import BrandingFiles, Settings
from .uploads import picture_suffix, template_files


def read(files: BrandingFiles) -> Branding:
    """Return every file to deploy by its path below branding/. Raises OSError and ValueError."""
    found: dict[str, bytes] = {}
    for name in LOGOS:
        path = getattr(files, name)
        if path:
            content = Path(path).read_bytes()
            found[f"static/{name}.{picture_suffix(path, content)}"] = content
    # as Django searches: if two directories have the same file, the first counts
    for folder in reversed(files.template_dirs):
        for path in template_files(folder):
            name = path.relative_to(folder).as_posix()
            found[f"templates/{name}"] = path.read_bytes()
    if files.index_template:
        found[f"templates/{INDEX}"] = Path(files.index_template).read_bytes()
    return Branding(found)


def contradictions(settings: Settings) -> Iterator[Finding]:
    """Yield an error for each property that both web_branding and web_config set."""
    for name, prop in {**LOGOS, "index_template": INDEX_TEMPLATE}.items():
        if getattr(settings.web_branding, name) and prop in settings.web_config:
            yield Finding(
                "web_branding", f"{name} contradicts {prop} in web_config; set only one of them"
            )
