"""Find and check the site's own certificate, on this machine or on the NGINX host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from omeroweb_ops.shared.finding import Finding

from ..host_paths import NGINX_TLS
from . import certificate
from .controller_path import ControllerPath
from .member import Member
from .settings import Certificate

CERTIFICATE = f"{NGINX_TLS}/certificate.pem"
KEY = f"{NGINX_TLS}/key.pem"


_UNQUOTED = re.compile(r"[\s\"'#$;\\`{}]")  # what the configuration and the script quote nowhere


@dataclass(frozen=True)
class Pair:
    """The paths of a certificate and its key on the NGINX host."""

    certificate: str
    key: str


OWN = Pair(CERTIFICATE, KEY)


def in_place(member: Member) -> Pair | None:
    """Return the paths of a certificate that is on the NGINX host itself, where others renew it.

    Such paths are absolute in the inventory, and either do not exist on this machine, or this
    machine is the host.
    """
    given = member.settings.nginx_tls
    if not isinstance(given, Certificate):
        return None
    paths = (given.certificate, given.key)
    if any(isinstance(path, ControllerPath) for path in paths):
        return None
    there = member.name == "@local" or not any(os.path.exists(path) for path in paths)
    return Pair(given.certificate, given.key) if there else None


def paths(member: Member) -> Pair:
    """Return the paths of NGINX's certificate and key."""
    return in_place(member) or OWN


@dataclass(frozen=True)
class HostCertificate:
    """The certificate on the host, its public key, and the paths that cannot be read."""

    certificate: bytes
    key: bytes
    missing: tuple[str, ...]


def findings(member: Member, held: HostCertificate | None = None) -> Iterator[Finding]:
    """Yield the errors and warnings about the site's own certificate.

    held: the certificate on the host, if it is there.
    """
    given, kept = member.settings.nginx_tls, in_place(member)
    if kept and held is None:
        for path in filter(_UNQUOTED.search, (kept.certificate, kept.key)):
            yield Finding(
                certificate.SETTING,
                f"{path!r} has a character that means something else in NGINX's configuration or "
                "in a shell; use a path of letters, digits, '/', '.', '-' and '_'",
            )
    if not isinstance(given, Certificate) or (kept and held is None):
        return
    if held and held.missing:
        for path in held.missing:
            yield Finding(
                certificate.SETTING,
                f"{path} is neither on this machine nor on the host; set the path of a file",
            )
        return
    key: bytes | None
    if held:
        chain, key = held.certificate, held.key or None
    else:
        try:
            chain, key = _bytes(given.certificate), _bytes(given.key)
        except OSError as error:
            yield Finding(
                certificate.SETTING, f"{error.filename} cannot be read ({error.strerror})"
            )
            return
    yield from certificate.find(chain, key, member.server_names, datetime.now(UTC))


def _bytes(path: str) -> bytes:
    return Path(path).read_bytes()
