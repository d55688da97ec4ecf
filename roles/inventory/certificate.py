"""Check a certificate and its key before NGINX or a visitor meets the error. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from omeroweb_ops.shared.addresses import canonical, parse
from omeroweb_ops.shared.certificate_expiry import EXPIRY_WARNING
from omeroweb_ops.shared.finding import Finding

SETTING = "nginx_tls"


def find(
    certificate: bytes, key: bytes | None, names: Sequence[str], now: datetime
) -> Iterator[Finding]:
    """Yield every error and warning about a certificate chain and its key, in PEM.

    key: the private key, the public key if the private key stays on its host, or None if unknown.
    names: the site's names as NGINX's server_name has them. now: with a time zone.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate)
    except ValueError:
        yield Finding(
            SETTING, "certificate: must be a certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        )
        chain = []
    try:
        public = _public(key) if key is not None else None
    except (ValueError, UnsupportedAlgorithm) as error:
        yield Finding(SETTING, f"key: {error}")
        public = None
    if not chain:
        return
    if public is not None:
        yield from _key(chain, public)
    yield from _chain(chain)
    yield from _dates(chain, now)
    yield from _names(chain[0], names)


def is_valid(certificate: bytes, names: Sequence[str], now: datetime) -> bool:
    """Return whether a certificate chain, in PEM, is valid now and for each name."""
    return not any(each.is_error for each in find(certificate, None, names, now))


def is_self_signed(certificate: bytes) -> bool:
    """Return whether a valid PEM is that of a certificate that has issued itself."""
    first = x509.load_pem_x509_certificates(certificate)[0]
    return first.issuer == first.subject


def lasts(certificate: bytes, now: datetime) -> bool:
    """Return whether a valid PEM's certificate is valid for longer than EXPIRY_WARNING."""
    first = x509.load_pem_x509_certificates(certificate)[0]
    return first.not_valid_after_utc - now > EXPIRY_WARNING


def _public(key: bytes) -> PublicKeyTypes:
    if b"PUBLIC KEY" in key:
        return load_pem_public_key(key)
    try:
        return load_pem_private_key(key, None).public_key()
    except TypeError:
        raise ValueError(
            "has a passphrase, which NGINX cannot ask for; remove it (openssl pkey)"
        ) from None
    except ValueError:
        raise ValueError("must be a private key in PEM form (-----BEGIN …)") from None


def _key(chain: Sequence[x509.Certificate], public: PublicKeyTypes) -> Iterator[Finding]:
    matching = [_bytes(each.public_key()) == _bytes(public) for each in chain]
    if not any(matching):
        yield Finding(SETTING, "the key does not match the certificate; set a matching pair")
    elif not matching[0]:
        yield Finding(
            SETTING,
            "certificate: the site's own certificate must be the first in the file, and its "
            "issuer's the next; change the order",
        )
    if isinstance(public, RSAPublicKey) and public.key_size < 2048:
        yield Finding(SETTING, f"key: must have 2048 bits or more, not {public.key_size}")


def _chain(chain: Sequence[x509.Certificate]) -> Iterator[Finding]:
    for lower, upper in itertools.pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            yield Finding(
                SETTING,
                f"certificate: {_subject(lower)} is followed by {_subject(upper)}, which did not "
                f"issue it; put the issuer, {lower.issuer.rfc4514_string()}, after it",
            )
    if len(chain) == 1 and chain[0].issuer != chain[0].subject:
        yield Finding(
            SETTING,
            "certificate: comes without its issuer's; unless browsers know the issuer, set the "
            "file with the whole chain (fullchain.pem)",
            severity="warning",
        )


def _dates(chain: Sequence[x509.Certificate], now: datetime) -> Iterator[Finding]:
    for each in chain:
        end, begin = each.not_valid_after_utc, each.not_valid_before_utc
        if end < now:
            yield Finding(SETTING, f"{_subject(each)} expired on {end:%Y-%m-%d}; renew it")
        elif begin > now:
            yield Finding(
                SETTING,
                f"{_subject(each)} is not valid before {begin:%Y-%m-%d %H:%M} UTC; wait, or "
                "correct this machine's clock",
            )
        elif end - now < EXPIRY_WARNING:
            yield Finding(
                SETTING,
                f"{_subject(each)} expires on {end:%Y-%m-%d}, in {(end - now).days} days; renew it",
                severity="warning",
            )


def _names(certificate: x509.Certificate, names: Sequence[str]) -> Iterator[Finding]:
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        yield Finding(
            SETTING,
            "certificate: has no subjectAltName, which browsers require; get a new certificate",
            severity="warning",
        )
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        domains, addresses = [str(name.value).lower() for name in common], []
    else:
        domains = [name.lower() for name in held.get_values_for_type(x509.DNSName)]
        addresses = [str(address) for address in held.get_values_for_type(x509.IPAddress)]
    missing = [name for name in names if not _covered(name.lower(), domains, addresses)]
    if missing:
        yield Finding(
            SETTING,
            f"the certificate is for {', '.join([*domains, *addresses])}, not for "
            f"{', '.join(missing)}; get a certificate for each name, or correct nginx_server_name",
        )


def _covered(name: str, domains: Sequence[str], addresses: Sequence[str]) -> bool:
    """Return whether a certificate covers a name. A wildcard is one label, the first (RFC 6125)."""
    if name == "_" or name.endswith("*"):  # any name: no certificate can have this
        return True
    if parse(name):
        return canonical(name) in addresses
    name = name.removeprefix(".")
    _label, _, parent = name.partition(".")
    return name in domains or (parent != "" and f"*.{parent}" in domains)


def _subject(certificate: x509.Certificate) -> str:
    return f"the certificate {certificate.subject.rfc4514_string() or '(without a subject)'}"


def _bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
