"""Read a certificate that is on the host only."""

from __future__ import annotations

import shlex

from ..inventory.tls_files import HostCertificate
from ..operations.facts import HostFact


class CertificateOnHost(HostFact[HostCertificate]):
    """A certificate on the host and its public key. The private key never leaves the host."""

    def command(self, certificate: str, key: str) -> str:
        files = f"{shlex.quote(certificate)} {shlex.quote(key)}"
        return (
            f'for p in {files}; do [ -r "$p" ] || echo "missing $p"; done; '
            f"echo certificate; cat {shlex.quote(certificate)} 2> /dev/null; echo; echo key; "
            # without openssl, which NGINX's package brings, only NGINX's first start finds errors
            "! command -v openssl > /dev/null || "
            f"openssl pkey -pubout -passin pass: -in {shlex.quote(key)} 2> /dev/null || "
            f"[ ! -r {shlex.quote(key)} ] || echo 'no key'"
        )

    def process(self, output: list[str]) -> HostCertificate:
        begin, end = output.index("certificate"), output.index("key")
        missing = tuple(line.removeprefix("missing ") for line in output[:begin])
        held, key = output[begin + 1 : end], output[end + 1 :]
        return HostCertificate("\n".join(held).encode(), "\n".join(key).encode(), missing)
