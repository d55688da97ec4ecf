"""Report errors in entries of `web_plugins`: one finding for each entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omeroweb_ops.shared.finding import Finding

from .plugins import PluginDescription

_PLAIN = {  # pydantic's types of errors in words; without the value, which may be a secret
    "sequence_str": "is not a list",
    "is_instance_of": "is not a list",
    "dict_type": "is not a dictionary",
    "string_type": "is not text",
    "invalid-json-value": "is not text, a number, a list or a dictionary",
}


def findings(
    entries: Sequence[object], details: Sequence[Mapping[str, Any]], hint: str
) -> Iterator[Finding]:
    """Yield a finding for each entry with errors.

    details: pydantic's errors. hint: what an entry must be, if the error is in no field of it.
    """
    for position in dict.fromkeys(each["loc"][1] for each in details):
        entry = entries[position]
        own = [each for each in details if each["loc"][1] == position]
        reasons = "; ".join(dict.fromkeys(_reason(entry, each, hint) for each in own))
        package = entry.get("package") if isinstance(entry, Mapping) else None
        if isinstance(package, str) and package:
            yield Finding("web_plugins", f"{package}: {reasons}")
        elif isinstance(entry, str) and entry:  # the reason names the entry
            yield Finding("web_plugins", reasons)
        else:
            yield Finding(f"web_plugins[{position}]", reasons)


def _reason(entry: object, detail: Mapping[str, Any], hint: str) -> str:
    kind, path = detail["type"], [str(part) for part in detail["loc"][2:]]
    said = str(detail["msg"])
    reason = said.removeprefix("Value error, ")
    if not path:
        return (
            f"{reason if kind == 'value_error' else f'{entry!r} is not a plugin'}; must be {hint}"
        )
    known = PluginDescription.model_fields.get(path[0])
    if known is None:
        return f"{path[0]} is not known; possible: {', '.join(PluginDescription.model_fields)}"
    if kind == "missing":
        return f"{path[0]} is missing; must be {known.description}"
    wrong = reason if kind == "value_error" else _PLAIN.get(kind, said[0].lower() + said[1:])
    return f"{': '.join(path)}: {wrong}; must be {known.description}"
