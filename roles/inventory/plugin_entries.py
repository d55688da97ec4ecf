"""What is wrong with entries of `web_plugins`: each a mistake of its own, told with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omeroweb_ops.shared.finding import Finding

from .plugins import PluginDescription

_PLAIN = {  # pydantic's kinds of errors in words; no value is repeated, which may be a secret
    "sequence_str": "is no list",
    "is_instance_of": "is no list",
    "dict_type": "is no dictionary",
    "string_type": "is no text",
    "invalid-json-value": "is no text, number, list or dictionary",
}


def findings(
    entries: Sequence[object], details: Sequence[Mapping[str, Any]], hint: str
) -> Iterator[Finding]:
    """details: pydantic's; hint: what to write where no field of an entry is meant."""
    for position in dict.fromkeys(each["loc"][1] for each in details):
        entry = entries[position]
        own = [each for each in details if each["loc"][1] == position]
        reasons = "; ".join(dict.fromkeys(_reason(entry, each, hint) for each in own))
        package = entry.get("package") if isinstance(entry, Mapping) else None
        if isinstance(package, str) and package:
            yield Finding("web_plugins", f"{package}: {reasons}")
        elif isinstance(entry, str) and entry:  # named in the reason
            yield Finding("web_plugins", reasons)
        else:
            yield Finding(f"web_plugins[{position}]", reasons)


def _reason(entry: object, detail: Mapping[str, Any], hint: str) -> str:
    kind, path = detail["type"], [str(part) for part in detail["loc"][2:]]
    said = str(detail["msg"])
    told = said.removeprefix("Value error, ")
    if not path:
        return f"{told if kind == 'value_error' else f'{entry!r} is no plugin'}; write {hint}"
    known = PluginDescription.model_fields.get(path[0])
    if known is None:
        return f"{path[0]} is not known; possible: {', '.join(PluginDescription.model_fields)}"
    if kind == "missing":
        return f"{path[0]} is missing; write {known.description}"
    wrong = told if kind == "value_error" else _PLAIN.get(kind, said[0].lower() + said[1:])
    return f"{': '.join(path)}: {wrong}; write {known.description}"
