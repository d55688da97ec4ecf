"""Write the pages that follow from the code or from stored results; `./run docs` calls it.

A test compares the pages with the code (tests/documentation/test_reference.py).
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import omeroweb_ops
from omeroweb_ops import cli
from omeroweb_ops.state import schema
from omeroweb_ops.state.schema import Property

from benchmarks import page
from roles.cli.group import PROGRAM, VERBS, group
from roles.inventory import settings_page

PAGES = Path(__file__).parent
CATALOGUE = Path(omeroweb_ops.__file__).parent / "data/plugin_catalogue.json"
DEFAULT_SHOWN = 50  # characters of a default that a cell of the table shows
COLUMNS = 100  # of the output of `--help`
_HEADER = "| property | type | default | upstream's text |\n|---|---|---|---|\n"
_NOTE = "<!-- `./run docs` writes this page from the code. -->\n"


def pages() -> dict[str, str]:
    """Return the text of each generated page, by its name."""
    settings = settings_page.PAGE.read_text("utf-8")
    return {
        "settings.md": settings_page.page(settings),
        "properties.md": properties_page(),
        "command-help.md": help_page(),
        **page.pages(),
    }


def write() -> None:
    """Write the pages that differ."""
    for name, text in pages().items():
        path = PAGES / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def properties_page() -> str:
    """Return the page of all properties of OMERO.web and of the plugins of the catalogue."""
    stored = json.loads(schema.DATA.read_text("utf-8"))
    own = [_property(each) for each in stored["properties"]]
    plugins = json.loads(CATALOGUE.read_text("utf-8"))
    tables = {
        name: [_property(each) for each in entry.get("properties", ())]
        for name, entry in plugins.items()
    }
    sections = "".join(
        f"\n### {name}\n\n{_table(found)}" for name, found in tables.items() if found
    )
    return f"""{_NOTE}
# All properties of OMERO.web

These are the {len(own)} properties that OMERO.web {stored["omero-web"]} reads, with upstream's
own description. Write a property into `web_config` under its own name, as Python data
([settings](settings.md)). The bundle sets some of them itself
([what follows by itself](settings.md#what-follows-by-itself)).

`omeroweb-ops config explain NAME` prints a property with the line for the inventory, and
`omeroweb-ops config show NAME` shows its value on a host, and where the value comes from.

{_table(own)}
## Properties of plugins

The plugins of the [catalogue](plugins.md) read these properties.
{sections}
## Long defaults
{_long_defaults([*own, *(each for found in tables.values() for each in found)])}"""


def _property(stored: dict[str, object]) -> Property:
    return Property(**{**stored, "choices": tuple(stored.get("choices", ()))})  # type: ignore[arg-type]


def _table(properties: Iterable[Property]) -> str:
    return _HEADER + "".join(
        f"| `{each.name}` | {_type(each)} | {_default(each)} | {_text(each)} |\n"
        for each in properties
    )


def _type(each: Property) -> str:
    return " or ".join(f"`{choice}`" for choice in each.choices) or each.kind.replace("_", " ")


def _is_long(each: Property) -> bool:
    return len(each.default or "") > DEFAULT_SHOWN


def _default(each: Property) -> str:
    if each.default is None:
        return "not set"
    if each.default == "":
        return "empty"
    if _is_long(each):
        return f"[below](#{_anchor(each.name)})"
    return "`" + each.default.replace("|", "\\|") + "`"


def _long_defaults(properties: Iterable[Property]) -> str:
    blocks = []
    for each in filter(_is_long, properties):
        try:
            text = json.dumps(json.loads(each.default or ""), indent=1)
            language = "json"
        except ValueError:
            text, language = each.default or "", ""
        blocks.append(f"\n### {each.name}\n\n```{language}\n{text}\n```\n")
    return "".join(blocks)


def _text(each: Property) -> str:
    """Return the description in one line of Markdown; upstream's text is reStructuredText."""
    text = " ".join(each.description.split())
    text = re.sub(r"`([^`<>]+?)\s*<(https?://[^`<>]+)>`_+", r"[\1](\2)", text)
    text = re.sub(r":[\w:]+:`~?\.?([^`<>]+?)(?:\s*<[^`<>]*>)?`", r"`\1`", text)
    parts = re.split(r"(``.+?``|`[^`]+`)", text)  # the code of a cell stays as it is
    for number, part in enumerate(parts):
        if part.startswith("`"):
            parts[number] = "`" + part.strip("`") + "`"
        else:
            parts[number] = re.sub(r"([<*])", r"\\\1", part)
    prefix = "**Deprecated.** " if each.deprecated else ""
    return prefix + "".join(parts).replace("|", "\\|")


def help_page() -> str:
    """Return the page with the output of `--help` of each command."""
    found = {**_help_of_verbs(), **_help_of_host_commands()}
    statuses = "".join(
        f"| [`{command}`](#{_anchor(command)}) | {status} |\n"
        for command, text in found.items()
        if (status := _status(text))
    )
    sections = "".join(
        f"\n## {command}\n\n```\n$ {command} --help\n{text}```\n" for command, text in found.items()
    )
    return f"""{_NOTE}
# The help of each command

This is the output of `--help`. `./run` runs on the machine that you deploy from, in the directory
of the bundle or by its path ([commands](commands.md)). `omeroweb-ops` runs on a host, as root or
`omero-web`.

## Exit statuses

| command | exit status |
|---|---|
{statuses}
Every other command ends with 0 if it has done its work, and with another status after an error. A
command that waits for a deploy gives up with 75
([one deploy at a time](lifecycle.md#one-deploy-at-a-time)).
{sections}"""


def _help_of_verbs() -> dict[str, str]:
    found = {}
    for verb in VERBS:
        command = group.get_command(click.Context(group), verb)
        assert command is not None
        context = click.Context(command, info_name=f"{PROGRAM} {verb}", max_content_width=COLUMNS)
        context.terminal_width = COLUMNS
        found[f"{PROGRAM} {verb}"] = f"{command.get_help(context)}\n"
    return dict(sorted(found.items()))


def _help_of_host_commands() -> dict[str, str]:
    with _columns():
        return {parser.prog: parser.format_help() for parser in with_commands(cli._parser())}


def with_commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from with_commands(child)


def _status(text: str) -> str:
    found = re.search(r"Exit status: (.+?)\.?\n *\n", text, re.S)
    return " ".join(found[1].split()) if found else ""


def _anchor(heading: str) -> str:
    """Return the anchor of a heading, as code-hosting sites and MyST make it."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


@contextmanager
def _columns() -> Iterator[None]:
    """Format help for COLUMNS columns, whatever the terminal is."""
    given = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(COLUMNS)
    try:
        yield
    finally:
        if given is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = given
