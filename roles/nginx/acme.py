"""Describe an ACME certificate on a host: its files, and certbot's configuration. Pure.

Debian's certbot has a systemd timer, and a job for cron on hosts without systemd, which renew the
certificate. Its deploy hook is the command that cron also starts each minute: that command checks
the certificate and copies it to where NGINX reads it. If something is wrong, NGINX keeps its own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..host_paths import (
    ACME,
    ACME_ARCHIVE,
    ACME_AUTHORITY,
    ACME_LIVE,
    ACME_RENEWAL,
    ACME_STAMP,
    CERTIFICATE_COMMAND,
    CERTIFICATE_LOG,
    RENEWAL_FAILURE,
    RUN,
)
from ..inventory.acme import AcmeCertificate
from ..inventory.member import Member
from ..inventory.tls_files import CERTIFICATE, KEY
from ..operations import shell_file
from ..operations.files import Absent, File, Item

_OBTAIN = shell_file.read(__file__, "obtain_certificate.sh")
_STOP = shell_file.command(
    shell_file.read(__file__, "stop_renewal.sh"),
    renewal=ACME_RENEWAL,
    live=ACME_LIVE,
    failure=RENEWAL_FAILURE,
    authority=ACME_AUTHORITY,
).rstrip()  # `Absent` writes a semicolon after it


def items(member: Member) -> list[Item]:
    """Return the authority's certificate in the system's store, or the end of the renewal.

    certbot's files stay after the end, because authorities limit how often they issue a
    certificate for the same names.
    """
    given = member.settings.nginx_tls
    if not isinstance(given, AcmeCertificate):
        return [Absent(ACME_AUTHORITY), Absent(ACME_STAMP, undo=_STOP)]
    return [
        File(ACME_AUTHORITY, _authority(given)) if given.acme.ca else Absent(ACME_AUTHORITY),
    ]


def variables(member: Member) -> dict[str, object] | None:
    """Return what the certificate's command needs of ACME; None without ACME."""
    if not isinstance(member.settings.nginx_tls, AcmeCertificate):
        return None
    return {"live": ACME_LIVE, "names": names(member), "failure": RENEWAL_FAILURE}


def names(member: Member) -> tuple[str, ...]:
    """Return the names of the certificate; an authority wants them in lower case, each once."""
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in member.server_names))


def stamp(member: Member, given: AcmeCertificate) -> File:
    """Return the file that is written once NGINX has the certificate."""
    authority = hashlib.sha256(_authority(given).encode()).hexdigest() if given.acme.ca else "none"
    lines = [
        f"server {given.acme.server}",
        f"names {' '.join(names(member))}",
        f"email {given.acme.email}",
        f"ca {authority}",
    ]
    return File(ACME_STAMP, "\n".join(lines) + "\n")


def configuration(member: Member, given: AcmeCertificate, eab_key: str | None) -> str:
    """Return a configuration of certbot, which may have the key of an account.

    https://eff-certbot.readthedocs.io/en/stable/using.html#configuration-file
    """
    known = {
        "authenticator": "webroot",
        "webroot-path": ACME,
        "cert-name": ACME_LIVE.rpartition("/")[2],
        "domains": ",".join(names(member)),
        "server": given.acme.server,
        "email": given.acme.email,
        "agree-tos": "true",  # docs/acme.md: the setting is the consent
        "no-eff-email": "true",
        "non-interactive": "true",
        "renew-with-new-domains": "true",
        "deploy-hook": f"{CERTIFICATE_COMMAND} >> {CERTIFICATE_LOG} 2>&1",
    }
    if given.acme.eab and eab_key:
        known |= {"eab-kid": given.acme.eab.kid, "eab-hmac-key": eab_key}
    return "".join(f"{name} = {value}\n" for name, value in known.items())


def obtain(member: Member, given: AcmeCertificate, configuration: str) -> str:
    """Return shell that gets a certificate; the configuration is on its standard input."""
    return shell_file.command(
        _OBTAIN,
        len(configuration.encode()),
        run=RUN,
        server=given.acme.server,
        email=given.acme.email,
        live=ACME_LIVE,
        archive=ACME_ARCHIVE,
        renewal=ACME_RENEWAL,
        authority=ACME_AUTHORITY,
        failure=RENEWAL_FAILURE,
        command=CERTIFICATE_COMMAND,
        certificate=CERTIFICATE,
        key=KEY,
        stamp=ACME_STAMP,
        text=stamp(member, given).content,
    )


def _authority(given: AcmeCertificate) -> str:
    path = Path(str(given.acme.ca))
    return path.read_text(encoding="utf-8").rstrip("\n") + "\n"
