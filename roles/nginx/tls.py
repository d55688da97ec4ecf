"""Deploy certificates: the site's own, copied or already on the host, a self-signed one, or ACME's.

Cron starts a script that reloads NGINX after a renewal on the host.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from omeroweb_ops.shared.addresses import canonical, parse
from omeroweb_ops.shared.certificate_expiry import EXPIRY_WARNING

from ..host_paths import CERTIFICATE_COMMAND, CERTIFICATE_CRON, CERTIFICATE_LOG, NGINX_TLS
from ..inventory import certificate
from ..inventory.acme import AcmeCertificate
from ..inventory.member import Member
from ..inventory.settings import Certificate
from ..inventory.tls_files import CERTIFICATE, KEY, OWN, Pair, in_place, paths
from ..operations.files import Absent, Directory, File, Item
from ..survey import Survey
from ..target import Target
from . import acme
from .templating import TEMPLATES


def items(member: Member) -> list[Item]:
    """Return the site's own certificate and key, and the script for its renewal."""
    given = member.settings.nginx_tls
    if given == "off":
        return [Absent(CERTIFICATE_CRON), Absent(CERTIFICATE_COMMAND), *acme.items(member)]
    items: list[Item] = [
        *acme.items(member),
        _rendered(CERTIFICATE_COMMAND, "renewed.sh.j2", member, mode="755"),
        _rendered(CERTIFICATE_CRON, "renewed.cron.j2", member, mode="644"),
    ]
    if in_place(member):
        return items
    items.append(Directory(NGINX_TLS, mode="700"))
    if isinstance(given, Certificate):
        items += [
            File(CERTIFICATE, _text(given.certificate), mode="644"),
            File(KEY, _text(given.key), mode="600"),
        ]
    return items


def replacement(target: Target, now: datetime) -> str | None:
    """Return shell that replaces an unusable certificate before NGINX needs it; None if none is.

    A self-signed certificate must be valid for its names and not end soon. Until an authority has
    issued a certificate, NGINX keeps the one that the site has, or gets a self-signed one.
    """
    given, found = target.settings.nginx_tls, target.survey.certificate
    known = target.survey.prefetched.state(KEY) != "absent"
    present = found.pem if known and certificate.is_valid(found.pem, (), now) else None
    new = self_signed(names(target.member, target.survey))
    if isinstance(given, AcmeCertificate):
        if found.pair not in (None, OWN):
            return f"{copy(found.pair)} || {{ {new}; }}"
        return None if present else new
    if given != "self-signed":
        return None
    own = present and certificate.is_self_signed(present) and certificate.lasts(present, now)
    covered = certificate.is_valid(found.pem, target.member.server_names, now)
    return None if own and covered else new


def copy(pair: Pair) -> str:
    """Return shell that copies a certificate and its key to the bundle's own directory."""
    return (
        f"( umask 077; cat {shlex.quote(pair.key)} > {KEY}.new && "
        f"cat {shlex.quote(pair.certificate)} > {CERTIFICATE}.new && "
        f"chmod 644 {CERTIFICATE}.new && mv {KEY}.new {KEY} && mv {CERTIFICATE}.new {CERTIFICATE} )"
    )


def names(member: Member, survey: Survey) -> tuple[str, ...]:
    """Return the names of a self-signed certificate."""
    known = member.server_names or [member.address or survey.ip or "localhost"]
    return tuple(map(canonical, known))


def lasts(path: str) -> str:
    """Return shell that succeeds if a certificate is valid for longer than EXPIRY_WARNING."""
    seconds = int(EXPIRY_WARNING.total_seconds())
    return f"openssl x509 -in {shlex.quote(path)} -noout -checkend {seconds} > /dev/null 2>&1"


def self_signed(names: Sequence[str]) -> str:
    """Return shell that creates a certificate for ten years.

    names: host names or IP addresses, the first one is the subject
    """
    alternatives = ",".join(("IP:" if parse(name) else "DNS:") + name for name in names)
    return (
        "umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        f"-days 3650 -subj {shlex.quote('/CN=' + names[0])} "
        f"-addext {shlex.quote('subjectAltName=' + alternatives)} "
        f"-keyout {KEY}.new -out {CERTIFICATE}.new 2>/dev/null && chmod 644 {CERTIFICATE}.new && "
        f"mv {KEY}.new {KEY} && mv {CERTIFICATE}.new {CERTIFICATE}"
    )


def _rendered(path: str, template: str, member: Member, *, mode: str) -> File:
    text = TEMPLATES.get_template(template).render(
        script=CERTIFICATE_COMMAND,
        log=CERTIFICATE_LOG,
        pair=paths(member),
        acme=acme.variables(member),
    )
    return File(path, text, mode=mode)


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii").rstrip("\n") + "\n"
