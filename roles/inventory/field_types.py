"""The types of settings' values, with the reason why another value is refused.

The text of a ValueError goes into the finding, before the setting's description.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from omeroweb_ops.shared import uploads
from omeroweb_ops.shared.uploads import check_logo, existing_file
from packaging.utils import parse_wheel_filename
from pydantic import AfterValidator, Field, PlainValidator

from .secrets_file import is_pipe

_LAST_PORT = 65535
Port = Annotated[int, Field(ge=1, le=_LAST_PORT)]
_LEAST_MEMORY = 16 << 20  # bytes
_LEAST_CACHE = 10 << 20  # bytes


def _wheel(value: str) -> str:
    if value.startswith(("http://", "https://")):
        if not re.search(r"#sha256=[0-9a-f]{64}$", value):
            raise ValueError("a URL must end with its digest, #sha256=…")
        return value
    path, given, digest = value.partition("#sha256=")
    if not path.endswith(".whl"):
        raise ValueError("is not the name of a wheel (.whl)")
    path = existing_file(path)
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if given and digest != found:
        raise ValueError(f"{path} has the sha256 {found}, not {digest}")
    return path + given + digest


def _local_wheel(value: str) -> str:
    parse_wheel_filename(Path(value).name)
    return existing_file(value)


def _addresses(value: str) -> str:
    for part in value.split():
        ipaddress.ip_address(part.removeprefix("-"))
    if not value.split():
        raise ValueError("is empty")
    return " ".join(value.split())


def _server_names(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._*-]+( [A-Za-z0-9._*-]+)*", value):
        raise ValueError("is not a list of host names")
    return value


def _host_address(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", value):
        raise ValueError("is not an address or a host name")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address or a network") from None


def _file_here_or_there(value: str) -> str:
    """Return the path unchanged: an absolute path that does not exist here is one on the host."""
    if not Path(value).is_absolute():
        existing_file(value)
    return value


def _size(value: str) -> str:
    if not re.fullmatch(r"(?i)[0-9]+[kmg]?", value):
        raise ValueError("is not a size")
    return value


def _cache_size(value: str) -> str:
    number = _size(value).lower().rstrip("kmg")
    factor = 1024 ** " kmg".index(value.lower().removeprefix(number) or " ")
    if int(number) * factor < _LEAST_CACHE:
        raise ValueError(f"{value} is less than 10m, in which few images have room")
    return value


def _duration(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,5}[smhd]", value):
        raise ValueError("is not a time")
    return value


def _memory(value: str) -> str:
    if not re.fullmatch(r"(?i)[1-9][0-9]*(k|kb|m|mb|g|gb)?", value):
        raise ValueError("is not an amount of memory")
    return value


def in_bytes(memory: str) -> int:
    """Return an amount of memory in bytes, as redis.conf has it: 1k is 1000, 1kb is 1024."""
    number = memory.lower().rstrip("kmgb")
    unit = memory.lower().removeprefix(number)
    factor: int = (1024 if unit.endswith("b") else 1000) ** (" kmg".index(unit[:1] or " "))
    return int(number) * factor


def _redis_memory(value: str) -> str:
    if in_bytes(value) < _LEAST_MEMORY:
        raise ValueError(f"{value} is less than 16mb, which holds only few sessions")
    if in_bytes(value) >= 1 << 63:
        raise ValueError(f"{value} is more than Redis can count")
    return value


def _redis_url(value: str) -> str:
    if "@" in value:  # the message repeats nothing of it, because it may be a password
        raise ValueError("has a user or a password")
    if re.fullmatch(r"rediss?://[^/]+/\d+", value):
        raise ValueError("has a database: OMERO.web uses two, 0 and 1")
    found = re.fullmatch(r"rediss?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d+))?/?", value)
    if not found:
        raise ValueError("is not redis://host:port or rediss://host:port")
    if found[1] and not 1 <= int(found[1]) <= _LAST_PORT:
        raise ValueError(f"{found[1]} is not a port from 1 to {_LAST_PORT}")
    return value.rstrip("/")


def _text(value: str) -> str:
    try:
        Path(value).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{value} is not UTF-8 text") from None
    return value


def _secrets_source(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return str(Path(value).absolute()) if is_pipe(value) else existing_file(value)
    command = value.get("command") if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(command, (list, tuple)) or not command:
        raise ValueError("is neither a path nor a command")
    if not all(isinstance(each, str) and each for each in command):
        raise ValueError("command: has an argument that is empty or not text")
    return tuple(command)


SecretsSource = Annotated[str | tuple[str, ...], PlainValidator(_secrets_source)]
ReadableFile = Annotated[str, AfterValidator(existing_file)]
HostFile = Annotated[str, AfterValidator(_file_here_or_there)]
Network = Annotated[str, AfterValidator(_network)]


Picture = Annotated[str, AfterValidator(uploads.picture)]
Template = Annotated[str, AfterValidator(uploads.template)]
TemplateFolder = Annotated[str, AfterValidator(uploads.template_folder)]
Wheel = Annotated[str, AfterValidator(_wheel)]
LocalWheel = Annotated[str, AfterValidator(_local_wheel)]
Addresses = Annotated[str, AfterValidator(_addresses)]
ServerNames = Annotated[str, AfterValidator(_server_names)]
HostAddress = Annotated[str, AfterValidator(_host_address)]
Size = Annotated[str, AfterValidator(_size)]
CacheSize = Annotated[str, AfterValidator(_cache_size)]
Duration = Annotated[str, AfterValidator(_duration)]
Memory = Annotated[str, AfterValidator(_memory)]
RedisMemory = Annotated[Memory, AfterValidator(_redis_memory)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]
TextFile = Annotated[ReadableFile, AfterValidator(_text)]
Logo = Annotated[ReadableFile, AfterValidator(check_logo)]
