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
from urllib.parse import urlsplit

from omeroweb_ops.shared import addresses, setting_values, uploads
from omeroweb_ops.shared.setting_values import LAST_PORT, in_bytes
from omeroweb_ops.shared.uploads import check_logo, existing_file
from packaging.utils import parse_wheel_filename
from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo

from .controller_path import Absolute, ControllerPath, absolute
from .secrets_file import is_pipe


def _site_url(value: str) -> str:
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError(f"{value!r} has a character that is not allowed in a URL; encode it")
    parts = urlsplit(value)
    is_path = value.startswith("/") and not value.startswith("//")
    if not is_path and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError(f'{value!r} is not a path like "/gallery/" and not an http or https URL')
    if parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{value!r} must not have a fragment or a user")
    return value


SiteUrl = Annotated[str, AfterValidator(_site_url)]
Port = Annotated[int, Field(ge=1, le=LAST_PORT)]
_LEAST_MEMORY = 16 << 20  # bytes
_LEAST_CACHE = 10 << 20  # bytes


def _wheel(value: str, info: ValidationInfo) -> str:
    if value.startswith(("http://", "https://")):
        if not re.search(r"#sha256=[0-9a-f]{64}$", value):
            raise ValueError("a URL must end with its digest, #sha256=…")
        return value
    path, given, digest = value.partition("#sha256=")
    if not path.endswith(".whl"):
        raise ValueError("is not the name of a wheel (.whl)")
    path = existing_file(absolute(path, info))
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if given and digest != found:
        raise ValueError(f"{path} has the sha256 {found}, not {digest}")
    return path + given + digest


def _local_wheel(value: str) -> str:
    parse_wheel_filename(Path(value).name)
    return existing_file(value)


def _addresses(value: str) -> str:
    parts = [("-" if part[0] == "-" else "", part.removeprefix("-")) for part in value.split()]
    if not parts:
        raise ValueError("is empty")
    return " ".join(sign + str(ipaddress.ip_address(addresses.bare(part))) for sign, part in parts)


def _host_address(value: str) -> str:
    value = addresses.canonical(value)
    if not (addresses.parse(value) or re.fullmatch(r"[A-Za-z0-9._-]+", value)):
        raise ValueError(f"{value!r} is not an address or a host name")
    return value


def _file_here_or_there(value: str) -> str:
    """Return the path: an absolute path that does not exist here is one on the host."""
    if isinstance(value, ControllerPath):
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


def _redis_memory(value: str) -> str:
    if in_bytes(value) < _LEAST_MEMORY:
        raise ValueError(f"{value} is less than 16mb, which holds only few sessions")
    if in_bytes(value) >= 1 << 63:
        raise ValueError(f"{value} is more than Redis can count")
    return value


def _text(value: str) -> str:
    try:
        Path(value).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{value} is not UTF-8 text") from None
    return value


def _secrets_source(value: object, info: ValidationInfo) -> str | tuple[str, ...]:
    if isinstance(value, str):
        path = absolute(value, info)
        return path if is_pipe(path) else existing_file(path)
    command = value.get("command") if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(command, (list, tuple)) or not command:
        raise ValueError("is neither a path nor a command")
    if not all(isinstance(each, str) and each for each in command):
        raise ValueError("command: has an argument that is empty or not text")
    return tuple(command)


SecretsSource = Annotated[str | tuple[str, ...], PlainValidator(_secrets_source)]
ReadableFile = Annotated[str, Absolute, AfterValidator(existing_file)]
HostFile = Annotated[str, Absolute, AfterValidator(_file_here_or_there)]
Network = Annotated[str, AfterValidator(setting_values.network)]


Picture = Annotated[str, Absolute, AfterValidator(uploads.picture)]
Template = Annotated[str, Absolute, AfterValidator(uploads.template)]
TemplateFolder = Annotated[str, Absolute, AfterValidator(uploads.template_folder)]
Wheel = Annotated[str, AfterValidator(_wheel)]
LocalWheel = Annotated[str, Absolute, AfterValidator(_local_wheel)]
Addresses = Annotated[str, AfterValidator(_addresses)]
ServerNames = Annotated[str, AfterValidator(setting_values.server_names)]
HostAddress = Annotated[str, AfterValidator(_host_address)]
Size = Annotated[str, AfterValidator(_size)]
CacheSize = Annotated[str, AfterValidator(_cache_size)]
Duration = Annotated[str, AfterValidator(_duration)]
Memory = Annotated[str, AfterValidator(setting_values.memory)]
RedisMemory = Annotated[Memory, AfterValidator(_redis_memory)]
WebsocketUrl = Annotated[str, AfterValidator(setting_values.websocket_url)]
RedisUrl = Annotated[str, AfterValidator(setting_values.redis_url)]
TextFile = Annotated[ReadableFile, AfterValidator(_text)]
Logo = Annotated[ReadableFile, AfterValidator(check_logo)]
