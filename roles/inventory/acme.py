"""Define the settings of a certificate that certbot gets from an ACME authority (RFC 8555)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import AfterValidator, model_validator

from .field_types import TextFile
from .model import Model

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
# These values are lines of a file for certbot, in which `#`, quotes and brackets have a meaning.
_EMAIL = re.compile(r"[A-Za-z0-9.!%&*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_URL = re.compile(r"[A-Za-z0-9._~:/?&=%@+-]+")
_KEY_IDENTIFIER = re.compile(r"[A-Za-z0-9._~:/=%@+-]+")


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError(f"{value!r} is not an email address")
    return value


def _directory_url(value: str) -> str:
    parts = urlsplit(value) if _URL.fullmatch(value) else None
    if parts is None or parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"{value!r} is not the https URL of an ACME directory")
    _ = parts.port  # raises ValueError if it is not a port
    return value


def _key_identifier(value: str) -> str:
    if not _KEY_IDENTIFIER.fullmatch(value):
        raise ValueError(f"{value!r} is not the key identifier that an authority gives")
    return value


def _authority(path: str) -> str:
    try:
        x509.load_pem_x509_certificates(Path(path).read_bytes())
    except ValueError:
        raise ValueError(f"{path} must have certificates in PEM form") from None
    return path


class ExternalAccount(Model):
    """An account that an authority has made beforehand. Its key is in the web_secrets file."""

    kid: Annotated[str, AfterValidator(_key_identifier)]

    @model_validator(mode="before")
    @classmethod
    def _without_key(cls, value: object) -> object:
        if not isinstance(value, Mapping) or value.keys() != {"kid"}:
            raise ValueError(
                'eab must be {"kid": "…"}; the key is a secret: set `acme_eab_hmac_key: …` in the '
                "file that web_secrets names"
            )
        return value


class Acme(Model):
    """An authority, and the account there.

    server: the URL of its ACME directory. ca: a file with the certificates by which the host
    recognizes the server, if they are not in the system's store.
    """

    email: Annotated[str, AfterValidator(_email)]
    server: Annotated[str, AfterValidator(_directory_url)] = LETS_ENCRYPT
    eab: ExternalAccount | None = None
    ca: Annotated[TextFile, AfterValidator(_authority)] | None = None


class AcmeCertificate(Model):
    """A certificate that certbot gets and renews."""

    acme: Acme
