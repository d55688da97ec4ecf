"""Sphinx's configuration: `./run docs` builds the pages.

The pages are plain Markdown, which a code-hosting site shows too. The project's directory is the
source, because pages link to README.md and SECURITY.md. The navigation is the lists of links in
index.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "OMERO.web bundle"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "*.md",
]
exclude_patterns = [".*", "app", "benchmarks", "containers", "roles", "tests"]
html_theme = "sphinx_rtd_theme"  # as OME's own documentation
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 4  # the anchors of a code-hosting site
nitpicky = True

SECTION = re.compile(r"^## (.+)$")
ENTRY = re.compile(r"^- \[.+?\]\((\S+?)\.md\)")


def toctrees(index: str) -> str:
    """Return Sphinx's toctrees for the lists of links in the index, a section each."""
    lines: list[str] = []
    for line in index.splitlines():
        if section := SECTION.match(line):
            fence = "```\n" if lines else ""
            lines.append(f"{fence}```{{toctree}}\n:hidden:\n:caption: {section[1]}\n")
        elif entry := ENTRY.match(line):
            path = entry[1]
            lines.append(f"/{path[3:]}" if path.startswith("../") else path)
    return "\n".join([*lines, "```"])


def add_toctrees(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add the navigation to the index, before Sphinx parses it."""
    if page == root_doc:
        source[0] += f"\n{toctrees(source[0])}\n"


def setup(app: Sphinx) -> None:
    """Register the hook, as Sphinx requires."""
    app.connect("source-read", add_toctrees)
