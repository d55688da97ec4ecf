"""Examine a server's TLS certificate as a browser does.

Python returns a certificate's content only if the certificate is trusted. So an untrusted
certificate is requested again with itself as the authority, to check its dates and names, too.
"""

from __future__ import annotations

import calendar
import ssl
import time
from dataclasses import dataclass
from socket import create_connection
from typing import Any

CONNECT_TIMEOUT = 10.0  # seconds for each connection
# OpenSSL's verification results (x509_vfy.h)
_NOT_YET, _EXPIRED, _SELF_SIGNED = 9, 10, 18


@dataclass(frozen=True)
class Certificate:
    """A server's certificate.

    problem: why TLS failed. distrust: why the certificate is not trusted. dates: `expired`, `not
    valid yet` or "". days: the days left. end: in seconds since 1970. Both are None if it is
    expired or not valid yet.
    """

    problem: str = ""
    distrust: str = ""
    self_signed: bool = False
    dates: str = ""
    days: int | None = None
    end: float | None = None
    names: tuple[str, ...] = ()
    for_name: bool = True


def examine(address: str, port: int, name: str) -> Certificate:
    """Examine a server's certificate, with at most four connections."""
    try:
        trusting = _context()
        known, distrust = _greet(address, port, name, trusting)
        if distrust is not None:
            pinned = _greet_unverified(address, port, name)
            trusting = _context(pinned)
            known, invalid = _greet(address, port, name, trusting)
            if invalid is not None:
                return _undated(distrust, invalid)
        trusting.check_hostname = True
        _, other = _greet(address, port, name, trusting)
    except OSError as error:  # ssl.SSLError too
        return Certificate(problem=error.strerror or str(error) or type(error).__name__)
    end = calendar.timegm(time.strptime(known["notAfter"], "%b %d %H:%M:%S %Y %Z"))
    return Certificate(
        distrust=distrust.verify_message if distrust else "",
        self_signed=distrust is not None and distrust.verify_code == _SELF_SIGNED,
        days=int((end - time.time()) // 86400),
        end=end,
        names=tuple(value for _kind, value in known.get("subjectAltName", ())),
        for_name=other is None,
    )


def _undated(
    distrust: ssl.SSLCertVerificationError, invalid: ssl.SSLCertVerificationError
) -> Certificate:
    dates = {_EXPIRED: "expired", _NOT_YET: "not valid yet"}.get(invalid.verify_code, "")
    reason = "" if distrust.verify_code in (_EXPIRED, _NOT_YET) else distrust.verify_message
    return Certificate(
        distrust=reason or ("" if dates else invalid.verify_message),
        self_signed=distrust.verify_code == _SELF_SIGNED,
        dates=dates,
    )


def _context(pinned: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=pinned)
    context.check_hostname = False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # stricter than browsers, from Python 3.13 on
    if pinned:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _greet(
    address: str, port: int, name: str, context: ssl.SSLContext
) -> tuple[dict[str, Any], ssl.SSLCertVerificationError | None]:
    try:
        with (
            create_connection((address, port), timeout=CONNECT_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            return dict(secured.getpeercert() or {}), None
    except ssl.SSLCertVerificationError as error:
        return {}, error


def _greet_unverified(address: str, port: int, name: str) -> str:
    context = _context()
    context.verify_mode = ssl.CERT_NONE
    with (
        create_connection((address, port), timeout=CONNECT_TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"")
