"""`omeroweb-ops config list` and `config explain`: what OMERO.web's properties are and mean."""

from __future__ import annotations

import argparse
import fnmatch
import json
import pprint
import re
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from ..property_names import (
    APPS,
    CACHES,
    CORS_ORIGIN_ALLOW_ALL,
    CORS_ORIGIN_WHITELIST,
    INDEX_TEMPLATE,
    LOGIN_LOGO,
    SESSION_ENGINE,
    TEMPLATE_DIRS,
    TOP_LOGO,
)
from ..state import list_items
from ..state.engine import Engine
from ..state.export import value as as_python
from ..state.plan import mask
from ..state.schema import Property

JSON_SCHEMA = 1  # of the output for programs
# The lines of an inventory that set a property together with all that depends on it.
_BRANDING = '"web_branding": {{"{0}": "{1}"}},'
_CORS = '"web_cors_origins": ["https://viewer.example.org"],'
_REDIS = '"web_redis_url": "rediss://redis.example.org:6380",  # or a host in the group redis'
SETTINGS = {
    APPS: '"web_plugins": ["omero-iviewer"],',
    CACHES: _REDIS,
    CORS_ORIGIN_ALLOW_ALL: _CORS,
    CORS_ORIGIN_WHITELIST: _CORS,
    INDEX_TEMPLATE: _BRANDING.format("index_template", "index.html"),
    LOGIN_LOGO: _BRANDING.format("login_logo", "logo.png"),
    SESSION_ENGINE: '"web_sessions": "file",',
    TEMPLATE_DIRS: '"web_branding": {"template_dirs": ["templates"]},',
    TOP_LOGO: _BRANDING.format("top_logo", "logo.png"),
}
_KINDS = {
    "boolean": "True or False",
    "switch": "any text enables it, also 'false'; '' disables it",
    "integer": "a whole number",
    "string": "text",
    "list": "a list",
    "object": "a dictionary",
    "regex": "a regular expression",
    "base_url": "a URL or a path",
    "custom": "text or data, which a function of an app reads",
}
_ROLE = re.compile(r":[a-z]+:`([^`<]*?)\s*(?:<[^>`]*>)?`")  # of reStructuredText


def add(config: Any) -> None:
    """Add the two commands to argparse's subparsers of `config`."""
    names = config.add_parser(
        "list",
        help="list OMERO.web's properties, with their values",
        description="Lists the properties of the installed OMERO.web and of its apps. A property "
        "that is set has a * in front.",
    )
    names.add_argument(
        "pattern",
        nargs="?",
        default="*",
        help="a part of the name like `cors`, or a pattern like `omero.web.ui.*`",
    )
    names.set_defaults(run=_list)
    explain = config.add_parser(
        "explain",
        help="say what a property means, and which lines of an inventory set it",
        description="Says what a property means, its type, default and present value, and which "
        "lines of an inventory set it.",
    )
    explain.add_argument("property", nargs="+", help="a name like `omero.web.page_size`")
    explain.set_defaults(run=_explain)
    for command in (names, explain):
        command.add_argument("--json", action="store_true", help="print JSON for programs")


def _list(engine: Engine, options: argparse.Namespace) -> int:
    engine.learn(engine.current)
    wanted = options.pattern.lower()
    pattern = wanted if {*"*?["} & {*wanted} else f"*{wanted}*"
    every = sorted({*engine.schema, *engine.current})
    found = [name for name in every if fnmatch.fnmatchcase(name.lower(), pattern)]
    if not found:
        print(
            f"omeroweb-ops: no property matches {options.pattern!r}; `omeroweb-ops config list` "
            "lists all of them",
            file=sys.stderr,
        )
        return 1
    if options.json:
        print(_json([_data(engine, name) for name in found]))
        return 0
    for name in found:
        shown = mask(name, engine.effective(name), engine.shown)
        mark = "*" if name in engine.current else " "
        print(f"{mark} {name} = {'' if shown is None else shown}".rstrip())
    return 0


def _explain(engine: Engine, options: argparse.Namespace) -> int:
    engine.learn(engine.current)
    known, failed = [], False
    for name in options.property:
        try:
            engine.schema.lookup(name)
            known.append(name)
        except ValueError as error:
            print(f"omeroweb-ops: {name}: {error}", file=sys.stderr)
            failed = True
    if options.json:
        print(_json([_data(engine, name) for name in known]))
    else:
        print("\n\n".join(_text(engine, name) for name in known))
    return int(failed)


def _json(properties: Sequence[object]) -> str:
    return json.dumps({"schema": JSON_SCHEMA, "properties": properties}, indent=1)


def _data(engine: Engine, name: str) -> dict[str, object]:
    """Return what is known of a property. default, value: stored texts, secrets masked."""
    prop = engine.schema.get(name) or Property(name, "string", None, "")
    return {
        "name": name,
        "type": prop.kind,
        "choices": [*prop.choices],
        "default": engine.default(name),
        "value": mask(name, engine.effective(name), engine.shown),
        "from": engine.source(name),
        "secret": engine.shown[name].is_secret if name in engine.shown else False,
        "deprecated": prop.deprecated,
        "description": description(prop),
        "inventory": inventory_lines(engine, prop),
    }


def _text(engine: Engine, name: str) -> str:
    data = _data(engine, name)
    prop = engine.schema[name]
    kind = f"one of {', '.join(prop.choices)}" if prop.choices else _KINDS[prop.kind]
    rows = [
        ("type", kind),
        ("default", "none" if data["default"] is None else data["default"]),
        ("value", f"{data['value']} ({data['from']})" if name in engine.current else "the default"),
    ]
    if prop.deprecated:
        rows.append(("deprecated", "OMERO.web warns of it and will drop it"))
    paragraphs = [textwrap.fill(description(prop), 90)] if prop.description else []
    paragraphs.append("\n".join(f"{label + ':':<12}{content}" for label, content in rows))
    paragraphs.append("in an inventory:\n" + textwrap.indent(str(data["inventory"]), "    "))
    body = "\n\n".join(paragraphs)
    return f"{name}\n\n{textwrap.indent(body, '    ')}"


def description(prop: Property) -> str:
    """Return upstream's text without the markup of reStructuredText."""
    text = _ROLE.sub(r"\1", prop.description).replace("``", "`")
    return " ".join(text.split())


def inventory_lines(engine: Engine, prop: Property) -> str:
    """Return the lines of an inventory that set a property to its present or default value.

    A list of which an upgrade may extend the default gets an item added instead. If the bundle has
    a setting for the property and for what depends on it, the lines have that setting.
    """
    if prop.name in SETTINGS:
        return SETTINGS[prop.name]
    if engine.shown[prop.name].is_secret if prop.name in engine.shown else prop.is_secret:
        return (
            '"web_secrets": "secrets.yml",\n'
            f"# and in secrets.yml, which others cannot read:\n{prop.name}: VALUE"
        )
    default = engine.default(prop.name)
    present = engine.effective(prop.name)
    if prop.kind == "list" and default not in (None, "[]") and present == default:
        return _entry("web_config_append", prop.name, [list_items.example(prop.name)])
    shown = mask(prop.name, present, engine.shown)
    content = _example(prop) if shown in (None, "", "[]", "{}") else as_python(prop, str(shown))
    return _entry("web_config", prop.name, content)


def _entry(setting: str, name: str, content: object) -> str:
    text = pprint.pformat(content, width=88, sort_dicts=False)
    return f'"{setting}": {{\n    "{name}": {textwrap.indent(text, "    ").lstrip()},\n}},'


def _example(prop: Property) -> object:
    if prop.choices:
        return prop.choices[0]
    if prop.kind == "list":
        return [list_items.example(prop.name)]
    return {"boolean": True, "integer": 1, "object": {}}.get(prop.kind, "TEXT")
