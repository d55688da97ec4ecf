"""Apply the `omero config` lines of `*.omero` files in their order, as `omero load` does.

Source: omero-py, `omero.plugins.basics.LoadControl` and `omero.plugins.prefs.PrefsControl`.
Unlike upstream, a list has an item once, and the removal of an item that is not in the list changes
nothing.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..shared import regular_file
from ..shared.finding import Finding
from ..state import list_merge
from ..state.desired import Desired
from ..state.schema import Schema

_COMMENT = re.compile(r"\s*#")
_FLAG = re.compile(r"-(?!\d+(\.\d*)?$|\.\d+$)")  # argparse takes -1 for a value
_FLAGS = {"set": {"--report"}, "append": {"--report", "--set"}, "remove": {"--report"}}


def read(folder: Path) -> tuple[dict[str, str], list[Finding]]:
    """Return the text of each `*.omero` file by its name, in the order of names, and every error.

    Hidden files do not count, as for a shell's `*`.
    """
    files: dict[str, str] = {}
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.omero")):
        if path.name.startswith("."):
            continue
        try:
            files[path.name] = regular_file.read_text(path).replace("\r\n", "\n")
        except OSError as error:
            findings.append(Finding(path.name, f"cannot be read ({error.strerror})"))
        except UnicodeDecodeError as error:
            findings.append(Finding(path.name, f"is not UTF-8 text ({error.reason})"))
    return files, findings


@dataclass
class _Property:
    """One property after the lines so far.

    value: the value that was set, None for the release's default. base: the items of a list that
    lines append to or remove from, else None. added, removed: items, in their order.
    """

    name: str
    value: Any = None
    base: list[Any] | None = None
    added: list[Any] = field(default_factory=list)
    removed: list[Any] = field(default_factory=list)

    def append(self, item: Any, *, once: bool) -> None:
        if not (once and item in [*(self.base or ()), *self.added]):
            self.added.append(item)

    def remove(self, item: Any) -> None:
        """Remove the first item that is equal, else all items with the same name."""
        base = self.base or []
        if item in self.added and item not in base:
            self.added.remove(item)
            return
        self.removed.append(item)
        if item in base:
            base.remove(item)
            return
        self.base = list_merge.removed(self.name, base, [item])
        self.added = list_merge.removed(self.name, self.added, [item])


class Commands:
    """Collects the properties that the lines of `*.omero` files set, append to and remove from."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._properties: dict[str, _Property] = {}
        self.findings: list[Finding] = []

    def load(self, files: Mapping[str, str]) -> None:
        """Apply the lines of files. files: name to content, in the order in which they are read."""
        for name, text in files.items():
            for number, line in enumerate(text.split("\n"), 1):
                if not _COMMENT.match(line):
                    self._run(line, f"{name} line {number}")

    def set(self, name: str, value: Any) -> None:
        self._properties[name] = _Property(name, value)

    def desired(self) -> Desired:
        """Return the desired state.

        A list that was set has its changes; for another list the changes apply to the default.
        """
        whole: dict[str, Any] = {}
        added: dict[str, list[Any]] = {}
        removed: dict[str, list[Any]] = {}
        for name, each in self._properties.items():
            if each.value is None:
                added[name], removed[name] = each.added, each.removed
            elif each.base is None:
                whole[name] = each.value
            else:
                whole[name] = list_merge.added(name, each.base, each.added)
        return Desired(
            whole,
            {name: items for name, items in added.items() if items},
            {name: items for name, items in removed.items() if items},
        )

    def _run(self, line: str, where: str) -> None:
        try:
            words = shlex.split(line)
        except ValueError as error:
            self.findings.append(Finding(where, f"cannot be read ({error})"))
            return
        if not words:
            return
        action = words[1] if words[0] == "config" and len(words) > 1 else ""
        flags, values = _arguments(words[2:])
        wrong: str | None = None
        match action, values:
            case _ if not flags <= _FLAGS.get(action, set()):
                wrong = _NO_COMMAND
            case "set", [name, *_] if "=" in name:
                wrong = "has an equals sign in the property's name; write config set NAME VALUE"
            case "set", [name]:
                self._properties.pop(name, None)
            case "set", [name, value]:
                self.set(name, value)
            case "append" | "remove", [name, value]:
                wrong = self._change(action, name, value, once="--set" in flags)
            case _:
                wrong = _NO_COMMAND
        if wrong:
            self.findings.append(Finding(where, wrong))

    def _change(self, action: str, name: str, value: str, *, once: bool) -> str | None:
        """Apply one item. Returns what is wrong, None if nothing is."""
        try:
            item = json.loads(value)
        except ValueError as error:
            return f"{name}: the item is not JSON ({error})"
        each = self._properties.get(name, _Property(name))
        if each.base is None:
            base = self._items(name, each.value)
            if base is None:
                return f"{name} was set to a value that is not a list; set it to a list first"
            each.base = base
        self._properties[name] = each
        if action == "append":
            each.append(item, once=once)
        else:
            each.remove(item)
        return None

    def _items(self, name: str, text: str | None) -> list[Any] | None:
        """Return the items of a property, None if it was set to another value than a list."""
        default = self._schema[name].default if name in self._schema else None
        try:
            items = json.loads((default or "[]") if text is None else text)
        except ValueError:
            items = None
        if text is None and not isinstance(items, list):
            return []  # not a list by its kind; the state engine reports it
        return items if isinstance(items, list) else None


_NO_COMMAND = "must be config set, append or remove of one value; remove it"


def _arguments(words: Sequence[str]) -> tuple[set[str], list[str]]:
    """Return flags and values, separated as by argparse."""
    end = words.index("--") if "--" in words else len(words)
    flags = {word for word in words[:end] if _FLAG.match(word)}
    return flags, [*(word for word in words[:end] if word not in flags), *words[end + 1 :]]
