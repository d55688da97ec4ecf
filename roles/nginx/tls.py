"""Deploy certificates: the site's own, copied or already on the host, or a self-signed one.

Cron starts a script that reloads NGINX after a renewal on the host.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from pathlib import Path

from omeroweb_ops.shared.certificate_expiry import EXPIRY_WARNING
from pyinfra import host
from pyinfra.api import operation

from ..host_paths import CERTIFICATE_COMMAND, CERTIFICATE_CRON, NGINX_TLS
from ..inventory.member import Member
from ..inventory.settings import Certificate
from ..inventory.tls_files import CERTIFICATE, KEY, in_place, paths
from ..operations.facts import BooleanFact
from ..operations.files import Absent, Directory, File, Item, read_states
from ..survey import Survey
from .templating import TEMPLATES


def items(member: Member) -> list[Item]:
    """Return the site's own certificate and key, and the script for its renewal."""
    given = member.settings.nginx_tls
    if given == "off":
        return [Absent(CERTIFICATE_CRON), Absent(CERTIFICATE_COMMAND)]
    items: list[Item] = [
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


def names(member: Member, survey: Survey) -> tuple[str, ...]:
    """Return the names of a self-signed certificate."""
    return tuple(member.server_names or [member.address or survey.ip or "localhost"])


class CertificateLasts(BooleanFact):
    """Whether a certificate on the host is valid for longer than EXPIRY_WARNING."""

    def command(self, certificate: str) -> str:
        seconds = int(EXPIRY_WARNING.total_seconds())
        return (
            f"openssl x509 -in {shlex.quote(certificate)} -noout -checkend {seconds} "
            "> /dev/null 2>&1 && echo yes; true"
        )


@operation()
def self_signed(names: Sequence[str]) -> Generator[str, None, None]:
    """Create a certificate for ten years, unless there is one that does not expire soon.

    + names: host names or IP addresses, the first one is the subject
    """
    there = all(state.startswith("file") for state in read_states((CERTIFICATE, KEY)))
    if there and host.get_fact(CertificateLasts, certificate=CERTIFICATE):
        return
    alternatives = ",".join(
        ("IP:" if name.replace(".", "").isdigit() or ":" in name else "DNS:") + name
        for name in names
    )
    yield (
        "umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        f"-days 3650 -subj {shlex.quote('/CN=' + names[0])} "
        f"-addext {shlex.quote('subjectAltName=' + alternatives)} "
        f"-keyout {KEY}.new -out {CERTIFICATE}.new 2>/dev/null && chmod 644 {CERTIFICATE}.new && "
        f"mv {KEY}.new {KEY} && mv {CERTIFICATE}.new {CERTIFICATE}"
    )


def _rendered(path: str, template: str, member: Member, *, mode: str) -> File:
    text = TEMPLATES.get_template(template).render(script=CERTIFICATE_COMMAND, pair=paths(member))
    return File(path, text, mode=mode)


def _text(path: str) -> str:
    return Path(path).expanduser().read_text(encoding="ascii").rstrip("\n") + "\n"
