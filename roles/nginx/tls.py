"""Certificates: the site's own, or a self-signed one made on the host."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from pathlib import Path

from pyinfra import host
from pyinfra.api import operation

from ..items import Directory, File, Item, PathStates
from ..settings import Certificate, Settings
from ..site import Member
from ..survey import Survey

FOLDER = "/etc/nginx/omero-web"
CERTIFICATE = f"{FOLDER}/certificate.pem"
KEY = f"{FOLDER}/key.pem"


def items(settings: Settings) -> list[Item]:
    """Folder and files of the site's own certificate."""
    if settings.nginx_tls == "off":
        return []
    folder = Directory(FOLDER, mode="700")
    if not isinstance(settings.nginx_tls, Certificate):
        return [folder]
    return [
        folder,
        File(CERTIFICATE, _text(settings.nginx_tls.certificate), mode="644"),
        File(KEY, _text(settings.nginx_tls.key), mode="600"),
    ]


def names(member: Member, survey: Survey) -> tuple[str, ...]:
    """What a self-signed certificate is for."""
    given = (member.settings.nginx_server_name or "").split()
    return tuple(given or [member.address or survey.ip or "localhost"])


@operation()
def self_signed(names: Sequence[str]) -> Generator[str, None, None]:
    """A certificate for the names, for ten years; one that is there is kept.

    + names: host names or IP addresses, the first one is the subject
    """
    states = host.get_fact(PathStates, paths=(CERTIFICATE, KEY))
    if all(state.startswith("file") for state in states or [""]):
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


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii").rstrip("\n") + "\n"
