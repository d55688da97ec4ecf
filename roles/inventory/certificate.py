"""Whether a certificate and its key will do, before NGINX or a visitor finds out. Pure."""

from __future__ import annotations

import ipaddress
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
from omeroweb_ops.shared.certificate_expiry import EXPIRY_WARNING
from omeroweb_ops.shared.finding import Finding

SETTING = "nginx_tls"


def find(
    certificate: bytes, key: bytes | None, names: Sequence[str], now: datetime
) -> Iterator[Finding]:
    """Every finding about PEM texts.

    key: private, or public where the private one stays on its host, or unknown. names: of the
    site, as NGINX's server_name has them. now: with a time zone.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate)
    except ValueError:
        yield Finding(
            SETTING, "certificate: holds no certificate in PEM form (-----BEGIN …); write one"
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


def _public(key: bytes) -> PublicKeyTypes:
    if b"PUBLIC KEY" in key:
        return load_pem_public_key(key)
    try:
        return load_pem_private_key(key, None).public_key()
    except TypeError:
        raise ValueError(
            "has a passphrase, which NGINX cannot ask for; write one without (openssl pkey)"
        ) from None
    except ValueError:
        raise ValueError("holds no private key in PEM form (-----BEGIN …); write one") from None


def _key(chain: Sequence[x509.Certificate], public: PublicKeyTypes) -> Iterator[Finding]:
    matching = [_bytes(each.public_key()) == _bytes(public) for each in chain]
    if not any(matching):
        yield Finding(SETTING, "the key is not that of the certificate; write the two that match")
    elif not matching[0]:
        yield Finding(
            SETTING,
            "certificate: the site's own must be the first of the file, its issuer the next; "
            "write them in that order",
        )
    if isinstance(public, RSAPublicKey) and public.key_size < 2048:
        yield Finding(SETTING, f"key: {public.key_size} bits are refused; make one of 2048 or more")


def _chain(chain: Sequence[x509.Certificate]) -> Iterator[Finding]:
    for lower, upper in itertools.pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            yield Finding(
                SETTING,
                f"certificate: {_subject(lower)} is followed by {_subject(upper)}, which did not "
                f"issue it; write the issuer, {lower.issuer.rfc4514_string()}, after it",
            )
    if len(chain) == 1 and chain[0].issuer != chain[0].subject:
        yield Finding(
            SETTING,
            "certificate: comes without its issuer's; where that is not one that browsers know "
            "themselves, write the file with the whole chain (fullchain.pem)",
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
                f"{_subject(each)} is not valid before {begin:%Y-%m-%d %H:%M} UTC; wait, or set "
                "this machine's clock",
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
            "certificate: has no subjectAltName, which browsers insist on; get a new one",
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
            f"{', '.join(missing)}; get one that names it, or correct nginx_server_name",
        )


def _covered(name: str, domains: Sequence[str], addresses: Sequence[str]) -> bool:
    """RFC 6125: a wildcard stands for one label, the first."""
    if name == "_" or name.endswith("*"):  # any name: nothing that a certificate could hold
        return True
    try:
        return str(ipaddress.ip_address(name)) in addresses
    except ValueError:
        pass
    name = name.removeprefix(".")
    _label, _, parent = name.partition(".")
    return name in domains or (parent != "" and f"*.{parent}" in domains)


def _subject(certificate: x509.Certificate) -> str:
    return f"the certificate {certificate.subject.rfc4514_string() or '(without a subject)'}"


def _bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
