"""Render the roles' templates with one environment's rules."""

from __future__ import annotations

from pathlib import Path

import jinja2


def environment(module: str) -> jinja2.Environment:
    """Return the environment of the directory `templates` beside a module.

    An undefined name is an error, HTML is escaped, and a line with only a block prints nothing.

    module: the module's `__file__`
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(module).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
