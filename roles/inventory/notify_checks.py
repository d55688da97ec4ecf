"""Find contradictions between web_notify, its secrets and the groups; write the host's settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from omeroweb_ops.shared.finding import Finding

from .member import Member
from .notify import PASSWORD, WEBHOOK
from .site import Site


def settings_data(site: Site, member: Member) -> dict[str, Any] | None:
    """Return the content of the host's file with secrets; None if nobody is notified."""
    notify = member.settings.web_notify
    if notify is None:
        return None
    password, webhook = site.secrets.get(PASSWORD), site.secrets.get(WEBHOOK)
    return {
        "mail": [*notify.mail],
        "sender": notify.sender,
        "smtp": notify.smtp and notify.smtp.data(None if password is None else str(password)),
        "webhook": None if webhook is None else str(webhook),
        "url": notify.url,
        "warnings": notify.warnings,
    }


def errors(site: Site, member: Member) -> Iterator[Finding]:
    """Yield the contradictions between web_notify, the secrets and the groups."""
    notify = member.settings.web_notify
    if notify is None or "web" not in member.groups:
        return
    webhook, password = site.secrets.get(WEBHOOK), site.secrets.get(PASSWORD)
    if not (notify.mail or webhook):
        yield Finding(
            "web_notify",
            f'names nobody; set mail, for example {{"mail": ["admins@example.org"]}}, or {WEBHOOK} '
            "in the web_secrets file",
        )
    if notify.smtp and not notify.mail:
        yield Finding("web_notify", "smtp is for mail; set mail, too, or remove smtp")
    user = notify.smtp.user if notify.smtp else None
    if user and password is None:
        yield Finding("web_notify", f"smtp has a user; set {PASSWORD} in the web_secrets file")
    if password is not None and not user:
        yield Finding(PASSWORD, "is for smtp's user; set user of smtp in web_notify, or remove it")
    if not notify.url and not site.group("nginx"):
        yield Finding(
            "web_notify",
            "the inventory has no NGINX, so that the public URL is not known; set url, for example "
            '{"url": "https://images.example.org/"}',
        )
    if webhook is not None and not _is_webhook(webhook):
        yield Finding(
            WEBHOOK, "must be a URL, https://… or http://…, without spaces (it is not shown here)"
        )


def _is_webhook(value: object) -> bool:
    if not isinstance(value, str) or not (value.isascii() and value.isprintable()) or " " in value:
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError if it is not a port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
