"""Read and check a site's logos and templates, which are files beside the inventory."""

from __future__ import annotations

from collections.abc import Iterator

from omeroweb_ops.property_names import INDEX_TEMPLATE
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state import branding_files
from omeroweb_ops.state.branding import LOGOS, Branding

from .settings import BrandingFiles, Settings


def read(files: BrandingFiles) -> Branding:
    """Return every file to deploy by its path below branding/. Raises OSError and ValueError."""
    logos = {name: getattr(files, name) for name in LOGOS}
    return Branding(branding_files.read(logos, files.index_template, files.template_dirs))


def contradictions(settings: Settings) -> Iterator[Finding]:
    """Yield an error for each property that both web_branding and web_config set."""
    for name, prop in {**LOGOS, "index_template": INDEX_TEMPLATE}.items():
        if getattr(settings.web_branding, name) and prop in settings.web_config:
            yield Finding(
                "web_branding", f"{name} contradicts {prop} in web_config; set only one of them"
            )
