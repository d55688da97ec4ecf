"""Read settings of the inventory from a container's variables, with the same checks.

NGINX_SERVER_NAME is `nginx_server_name`. A value is text, true or false, a number, a list (words
with spaces or commas between them), or JSON or Python data, as the messages show. A part of a
setting has a variable, too: NGINX_TLS_CERTIFICATE is `nginx_tls["certificate"]`. An empty variable
is as good as unset. Pure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, get_args

from omeroweb_ops.container.variable_reader import as_data
from omeroweb_ops.shared.finding import Finding
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from .settings import Settings, read

# A service "nginx" gives each container of Kubernetes NGINX_PORT, NGINX_SERVICE_HOST, …
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_OF_KUBERNETES = re.compile(r"[A-Z0-9]+_(PORT|SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP))(_\w+)?")
_OTHER_TYPE = re.compile("_type$|^is_instance_of$|^sequence_str$")
_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)


def names(fields: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the path of each variable: the setting, and the part of the setting if it is one."""
    found: dict[str, tuple[str, ...]] = {field.upper(): (field,) for field in fields}
    for field in fields:
        for part in _parts(Settings.model_fields[field]):
            found[f"{field}_{part}".upper()] = (field, part)
    return found


def settings(
    variables: Mapping[str, str], fields: Collection[str]
) -> tuple[Settings, list[Finding]]:
    """Return the settings that variables have, and every error in them.

    fields: the settings that count; other variables are not looked at.
    """
    known = names(fields)
    data: dict[str, Any] = {}
    findings: list[Finding] = []
    # the setting before its parts, because its name is the shorter one
    for name in sorted(known.keys() & variables.keys()):
        field, *part = known[name]
        if not variables[name].strip():
            continue
        info = Settings.model_fields[field]
        if not part:
            data[field] = _value(info, variables[name])
            continue
        whole = data.setdefault(field, {})
        if field.upper() in variables and variables[field.upper()].strip():
            findings.append(Finding(name, f"contradicts {field.upper()}; set only one of them"))
        else:
            whole[part[0]] = _value(_parts(info)[part[0]], variables[name])
    found, mistakes = read(data)
    return found, [*findings, *(Finding(each.subject.upper(), each.message) for each in mistakes)]


def unknown(
    variables: Mapping[str, str], prefix: str, possible: Collection[str]
) -> Iterator[Finding]:
    """Find the variables that begin with a container's prefix and mean nothing to the container."""
    for name in sorted(variables):
        own = name.startswith(prefix) and name not in possible and variables[name]
        if own and not _OF_KUBERNETES.fullmatch(name):
            near = difflib.get_close_matches(name, possible, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"possible: {', '.join(possible)}"
            yield Finding(name, f"there is no such variable; {hint}")


def _parts(info: FieldInfo) -> Mapping[str, FieldInfo]:
    """Return the fields of a setting that is a dictionary; none of another setting."""
    pending = [info.annotation]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation.model_fields
        pending += get_args(annotation)
    return {}


def _value(info: FieldInfo, text: str) -> Any:
    """Return the value that the text means for a setting; the likeliest one if none is valid."""
    text = text.strip()
    likely = _candidates(text)
    # mypy: a type is made at run time
    kind: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(
        kind, config=None if isinstance(kind, type) and issubclass(kind, BaseModel) else _STRICT
    )
    meant = None
    for candidate in likely:
        try:
            adapter.validate_python(candidate)
        except ValidationError as error:
            kinds = {each["type"] for each in error.errors(include_url=False)}
            if meant is None and not any(map(_OTHER_TYPE.search, kinds)):
                meant = candidate  # of the right type
            continue
        return candidate
    return likely[0] if meant is None else meant


def _candidates(text: str) -> list[Any]:
    """Return what a text may mean: data if it looks like data, else itself, a scalar, a list."""
    data = _data(text)
    if isinstance(data, (dict, list)):
        return [data]
    scalar = {"true": True, "false": False}.get(text.lower(), data)
    words = text.replace(",", " ").split()
    return [text, *([] if scalar is None else [scalar]), words]


def _data(text: str) -> Any:
    try:
        found = as_data(text)
    except ValueError:
        return None
    return list(found) if isinstance(found, (tuple, set)) else found
