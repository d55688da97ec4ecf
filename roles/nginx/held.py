"""The site's own certificate, looked at before anything is touched, where it lies."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from omeroweb_ops.state.checks import Found
from pyinfra.api import FactBase

from ..settings import Certificate
from ..site import Member
from . import certificate
from .tls import in_place


@dataclass(frozen=True)
class HostCertificate:
    """What stands on the host: certificate, the key's public half, paths that cannot be read."""

    certificate: bytes
    key: bytes
    missing: tuple[str, ...]


class Held(FactBase[HostCertificate]):
    """A certificate on the host and its key's public half; the private one stays there."""

    def command(self, certificate: str, key: str) -> str:
        files = f"{shlex.quote(certificate)} {shlex.quote(key)}"
        return (
            f'for p in {files}; do [ -r "$p" ] || echo "missing $p"; done; '
            f"echo certificate; cat {shlex.quote(certificate)} 2> /dev/null; echo; echo key; "
            # without openssl, which comes with NGINX, the first start of NGINX has to tell
            "! command -v openssl > /dev/null || "
            f"openssl pkey -pubout -passin pass: -in {shlex.quote(key)} 2> /dev/null || "
            f"[ ! -r {shlex.quote(key)} ] || echo 'no key'"
        )

    def process(self, output: list[str]) -> HostCertificate:
        begin, end = output.index("certificate"), output.index("key")
        missing = tuple(line.removeprefix("missing ") for line in output[:begin])
        held, key = output[begin + 1 : end], output[end + 1 :]
        return HostCertificate("\n".join(held).encode(), "\n".join(key).encode(), missing)


def findings(member: Member, held: HostCertificate | None = None) -> Iterator[Found]:
    """What is wrong or doubtful about the site's own certificate.

    held: what the host said, where the certificate is there.
    """
    given = member.settings.nginx_tls
    if not isinstance(given, Certificate) or (in_place(member) and held is None):
        return
    if held and held.missing:
        for path in held.missing:
            yield Found(
                certificate.SETTING,
                f"{path} is neither here nor on the host; write the path of a file",
            )
        return
    key: bytes | None
    if held:
        chain, key = held.certificate, held.key or None
    else:
        try:
            chain, key = _bytes(given.certificate), _bytes(given.key)
        except OSError as error:
            yield Found(certificate.SETTING, f"{error.filename} cannot be read ({error.strerror})")
            return
    names = (member.settings.nginx_server_name or "").split()
    yield from certificate.find(chain, key, names, datetime.now(UTC))


def _bytes(path: str) -> bytes:
    return Path(path).expanduser().read_bytes()
