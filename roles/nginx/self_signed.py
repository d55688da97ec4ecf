"""Replace a certificate that NGINX cannot use."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api import operation


@operation()
def replace(command: str) -> Generator[str, None, None]:
    """Replace the certificate.

    + command: of `tls.replacement`
    """
    yield command
