"""Explain why certbot has got no certificate, and what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..inventory.acme import Acme
from ..operations.privilege import printable

_SIZE = 1500  # characters of certbot's own text
_LOG = "/var/log/letsencrypt/letsencrypt.log"
# As certbot prints the problems of each name.
_PROBLEM = re.compile(r"Domain: (.*)\n +Type: +(.*)\n +Detail: (.*)")
# Lines of certbot that say nothing about the problem.
_OTHER = re.compile(
    r"Saving debug log to .*|Account registered\.|Requesting a certificate for .*|"
    r"An unexpected error occurred:|Ask for help or search for solutions at .*|"
    r"Some challenges have failed\.|Renewing an existing certificate for .*|Hint: .*|"
    r"Certbot failed to authenticate some domains .*|Successfully received certificate\.|[- ]*"
)
# Type of a problem (RFC 8555, section 6.7), as certbot prints it, to the remedy.
_OF_NAMES = {
    "dns": "make DNS records (A, AAAA) that lead to this host",
    "connection": "let the authority reach port 80 of this host (firewall, DNS records)",
    "unauthorized": "another server answers for the name: let its DNS records lead to this host "
    "only, and a proxy in front pass on /.well-known/acme-challenge/",
    "caa": "allow the authority in the CAA record of the DNS",
}
# A part of certbot's text to the remedy. The first that matches counts.
_OF_TEXT = (
    (
        r"[Tt]oo many|rateLimited",
        "wait as long as the authority says; try with its server for tests (docs/acme.md)",
    ),
    (
        r"external ?[Aa]ccount|EAB|eab[-_]",
        "set eab and acme_eab_hmac_key as the authority gives them",
    ),
    (
        r"accountDoesNotExist|account that does not exist",
        "the authority has forgotten the account: as root, remove the directory of its server "
        "below /etc/letsencrypt/accounts",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        'the host does not know the issuer of the server\'s certificate: set "ca"',
    ),
    (
        r"Requesting .*: |ConnectionError|Max retries|timed? ?out|NewConnection|Response \[",
        "let the host reach the URL in server (spelling, DNS, firewall)",
    ),
    (r"(?i)contact|mailto", "correct email"),
    (
        r"will not issue|rejectedIdentifier|not allowed|[Pp]olicy",
        "set names that this authority issues certificates for, or another server",
    ),
    (
        r"Please choose an account",
        "certbot has several accounts with this authority: remove all but one from "
        "/etc/letsencrypt/accounts",
    ),
    (
        r"NGINX keeps",
        "correct what it says, and deploy again",
    ),
)


def explain(output: str, acme: Acme, names: Sequence[str]) -> str:
    """Return one message about the output of obtain_certificate.sh.

    output: the text of another host's programs, and in it that of the authority
    """
    remedies = list(dict.fromkeys(_remedies(output))) or [f"read {_LOG} on the host"]
    return (
        f"no certificate for {', '.join(names)} from {acme.server}: {_reason(output)}. "
        f"To do: {'; '.join(remedies)}; then deploy again. Everything else is deployed, and NGINX "
        "keeps the certificate that it had (at first a self-signed one)"
    )


def _reason(output: str) -> str:
    problems = [f"{name} ({kind}): {detail}" for name, kind, detail in _PROBLEM.findall(output)]
    lines = [line.strip() for line in output.splitlines()]
    found = problems or [line for line in lines if not _OTHER.fullmatch(line)]
    text = printable("; ".join(found)[:_SIZE]).rstrip(".")
    return text or "certbot has failed without a message"


def _remedies(output: str) -> Iterator[str]:
    problems = _PROBLEM.findall(output)
    for _name, kind, _detail in problems:
        yield _OF_NAMES.get(kind.strip(), f"read {_LOG} on the host")
    if not problems:
        yield from [remedy for part, remedy in _OF_TEXT if re.search(part, output)][:1]
