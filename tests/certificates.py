"""Certificates of the tests' own authority."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key; `chain` is the PEM text of it and of its issuers."""

    certificate: x509.Certificate
    key: PrivateKey
    issuer: Issued | None = None

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def chain(self) -> str:
        return self.pem + (self.issuer.chain if self.issuer and self.issuer.issuer else "")

    @property
    def key_pem(self) -> str:
        return key_pem(self.key)


def key_pem(key: PrivateKey, passphrase: bytes | None = None) -> str:
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    ).decode()


def issue(
    *names: str,
    issuer: Issued | None = None,
    authority: bool = False,
    begin: timedelta = timedelta(days=-1),
    end: timedelta = timedelta(days=89),
    key: PrivateKey | None = None,
    subject: str | None = None,
) -> Issued:
    """A certificate for DNS names and addresses, by an issuer or by itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject or names[0])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begin)
        .not_valid_after(NOW + end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(each) for each in names]), critical=False
        )
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key, issuer)


def authority() -> Issued:
    """An intermediate authority below a root, as public ones are."""
    root = issue(authority=True, subject="Test root")
    return issue(authority=True, issuer=root, subject="Test authority")


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
