"""Deliver a message by the host's sendmail, by SMTP or by a webhook.

An error names no secret: neither the webhook's URL nor the password is part of a text.
"""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.utils import formatdate
from ipaddress import ip_address
from typing import Any

from .message import Message

SENDMAIL = "/usr/sbin/sendmail"
TIMEOUT = 20.0  # seconds for each answer of a server
_SENDMAIL_TIMEOUT = 60.0  # seconds
WEBHOOK = "webhook"


@dataclass(frozen=True)
class Smtp:
    """An SMTP server. tls: starttls, tls (from the first byte on), off; None: if it is offered."""

    host: str
    port: int = 25
    tls: str | None = None
    user: str | None = None
    password: str | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this host, so that nobody reads what is sent."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True)
class Settings:
    """The file that a deploy writes from web_notify and the secrets file, for root only.

    url: what the doctor checks instead of the deployed URL. site: the site's URL, for messages.
    smtp: None for the host's sendmail.
    """

    mail: tuple[str, ...] = ()
    sender: str | None = None
    smtp: Smtp | None = None
    webhook: str | None = None
    url: str | None = None
    site: str | None = None
    warnings: bool = True

    @classmethod
    def parse(cls, text: str) -> Settings:
        data: dict[str, Any] = json.loads(text)
        smtp = data.pop("smtp", None)
        mail = tuple(data.pop("mail", ()))
        return cls(mail=mail, smtp=Smtp(**smtp) if smtp else None, **data)

    @property
    def channels(self) -> tuple[str, ...]:
        """Every recipient, so that a refused one does not keep the others from their message."""
        return (*self.mail, *([WEBHOOK] if self.webhook else []))


class Undelivered(Exception):
    """The reason why a message was not delivered, without a secret."""


def deliver(message: Message, channel: str, settings: Settings) -> None:
    """Deliver a message to a recipient or to the webhook. Raises Undelivered."""
    try:
        if channel == WEBHOOK:
            _post(message.data, settings.webhook or "")
        elif settings.smtp:
            _send(_mail(message, channel, settings), settings.smtp)
        else:
            _pipe(_mail(message, channel, settings), channel)
    except Undelivered:
        raise
    except Exception as error:  # of any server; it must not keep the other channels from theirs
        raise Undelivered(_reason(error)) from None


def _mail(message: Message, recipient: str, settings: Settings) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = settings.sender or f"omero-web@{socket.getfqdn()}"
    mail["To"] = recipient
    mail["Subject"] = message.subject
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = f"<{message.identity}.omeroweb-ops@{socket.gethostname()}>"
    mail["Auto-Submitted"] = "auto-generated"  # nobody answers automatically (RFC 3834)
    mail.set_content(message.text)
    return mail


def _pipe(mail: EmailMessage, recipient: str) -> None:
    # -i: a line with a dot does not end the message. The recipient is an argument, so that no
    # header names others.
    command = [SENDMAIL, "-i", "--", recipient]
    content = mail.as_bytes(policy=policy.default)
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=_SENDMAIL_TIMEOUT, check=False
        )
    except FileNotFoundError:
        raise Undelivered(
            f"{SENDMAIL} is missing; install a mail server, or set smtp in web_notify"
        ) from None
    except subprocess.TimeoutExpired:
        raise Undelivered(f"{SENDMAIL} has not ended within {_SENDMAIL_TIMEOUT:g} s") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[:200]
        raise Undelivered(f"{SENDMAIL} ended with status {done.returncode}: {said}")


def _send(mail: EmailMessage, server: Smtp) -> None:
    with _connect(server) as client:
        client.ehlo_or_helo_if_needed()
        encrypted = server.tls == "tls"
        if server.tls == "starttls" or (server.tls is None and client.has_extn("starttls")):
            # without a demand for TLS and without a password, any encryption is better than none
            checked = server.tls is not None or server.password is not None
            client.starttls(context=_context(checked=checked))
            encrypted = True
        if server.user and server.password:
            if not (encrypted or server.is_loopback or server.tls == "off"):
                raise Undelivered(
                    f"{server.host} offers no TLS, and the password is not sent without; set "
                    '"tls" of smtp in web_notify'
                )
            client.login(server.user, server.password)
        client.send_message(mail)


def _connect(server: Smtp) -> smtplib.SMTP:
    if server.tls == "tls":
        context = _context(checked=True)
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)


def _context(*, checked: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which would turn the POST into a GET."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def _post(data: Mapping[str, Any], url: str) -> None:
    body = json.dumps(data).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "omeroweb-ops"}
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as answer:
            answer.read(1000)
    except urllib.error.HTTPError as error:
        with error:
            raise Undelivered(f"the webhook answers {error.code}") from None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        reason = getattr(cause, "reason", None)
        cause = reason if isinstance(reason, BaseException) else cause.__cause__


def _reason(error: Exception) -> str:
    """Return the system's or the server's own words; a library's could quote a secret."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        (code, text), *_ = error.recipients.values()
        return f"the recipient is refused: {code} {_words(text)}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the mail server refuses user and password: {error.smtp_code}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answers {error.smtp_code} {_words(error.smtp_error)}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the mail server has no TLS or no login"
    for cause in _causes(error):
        if isinstance(cause, TimeoutError):
            return f"no answer within {TIMEOUT:g} s"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return type(error).__name__


def _words(text: object) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return "".join(each if each.isprintable() else " " for each in said)[:200]
