"""Report the certificate that NGINX has before a deploy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..host_paths import NGINX_SITE
from ..inventory.tls_files import CERTIFICATE, Pair
from ..operations import shell_file

_SCRIPT = shell_file.read(__file__, "present_certificate.sh")
SCRIPT = shell_file.command(_SCRIPT, site=NGINX_SITE, certificate=CERTIFICATE)


@dataclass(frozen=True)
class PresentCertificate:
    """The certificate of a host.

    pem: the chain at `tls_files.CERTIFICATE`; empty if there is none. pair: the files that the
    bundle's site has; None without a site, and if the site has no TLS.
    """

    pem: bytes = b""
    pair: Pair | None = None


NO_CERTIFICATE = PresentCertificate()


def read(output: Iterable[str]) -> PresentCertificate:
    """Parse the survey's output."""
    lines: list[str] = []
    paths: dict[str, str] = {}
    for line in output:
        key, _, value = line.partition("=")
        if key == "tls_pem":
            lines.append(value)
        elif key in ("tls_certificate", "tls_key"):
            paths[key] = value
    both = len(paths) == 2
    return PresentCertificate(
        "".join(f"{line}\n" for line in lines).encode(),
        Pair(paths["tls_certificate"], paths["tls_key"]) if both else None,
    )
