"""How the roles' templates are rendered: one environment's rules for all of them."""

from __future__ import annotations

from pathlib import Path

import jinja2


def environment(module: str) -> jinja2.Environment:
    """Return the environment of the folder `templates` beside a module.

    A name that is not given is an error, HTML is escaped, a block's own line leaves nothing.

    module: its `__file__`
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(module).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
