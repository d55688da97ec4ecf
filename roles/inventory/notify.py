"""Define web_notify: who is notified, and how, when the site breaks and when it is well again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from .field_types import HostAddress, Port
from .model import Model

WEBHOOK, PASSWORD = "notify_webhook", "notify_smtp_password"
# A user of the host, or an address (RFC 5322's dot-atom), and never an option of sendmail.
_ADDRESS = re.compile(
    r"(?!-)[\w.!#$%&'*+/=?^`{|}~-]+(@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)?", re.A
)


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError(f"{value!r} is not a mail address. Example: admins@example.org")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(
            f"{value!r} is not the URL of a site. Example: https://images.example.org/"
        )
    return value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _server(value: object) -> object:
    if isinstance(value, Mapping) and "password" in value:
        raise ValueError(f"smtp: a password is a secret; set {PASSWORD} in the web_secrets file")
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*):([0-9]+)", value)  # else without a port
    return {"host": found[1], "port": int(found[2])} if found else {"host": value}


MailAddress = Annotated[str, AfterValidator(_address)]


class SmtpServer(Model):
    """A mail server. tls: None for STARTTLS if the server offers it."""

    host: HostAddress
    port: Port | None = None
    tls: Literal["starttls", "tls", "off"] | None = None
    user: Annotated[str, Field(min_length=1)] | None = None

    def data(self, password: str | None) -> dict[str, Any]:
        """Return the server with its usual port (RFC 8314, 3.3), as the host's file has it."""
        tls = self.tls or ("tls" if self.port == 465 else None)
        port = self.port or (465 if tls == "tls" else 587 if self.user else 25)
        return {
            "host": self.host,
            "port": port,
            "tls": tls,
            "user": self.user,
            "password": password,
        }


class Notify(Model):
    """Who is notified. sender: `from` in the inventory. smtp: None for the host's sendmail."""

    mail: Annotated[Sequence[MailAddress], BeforeValidator(_as_list), Field(max_length=20)] = ()
    sender: MailAddress | None = Field(None, alias="from")
    smtp: Annotated[SmtpServer, BeforeValidator(_server)] | None = None
    url: Annotated[str, AfterValidator(_url)] | None = None
    warnings: bool = True


def from_bool(value: object) -> object:
    """Return the settings that True and False stand for. Raises ValueError for a secret."""
    if isinstance(value, Mapping) and "webhook" in value:
        raise ValueError(
            f"webhook: its URL is a secret; set {WEBHOOK}: … in the web_secrets file, and "
            "web_notify to True or to the other settings"
        )
    return ({} if value else None) if isinstance(value, bool) else value
