"""What certbot gets, which certificate NGINX has until then, and what a refusal means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from roles import host_paths
from roles.inventory.acme import AcmeCertificate
from roles.inventory.tls_files import CERTIFICATE, KEY, OWN, Pair
from roles.nginx import acme, acme_refusal, tls
from roles.nginx import role as nginx
from roles.operations.facts import Secret
from roles.operations.files import Absent
from roles.operations.prefetch import PrefetchedFacts
from roles.survey import present_certificate
from roles.survey.present_certificate import PresentCertificate
from roles.target import Target
from tests.certificates import NOW, authority, issue
from tests.operations.local import shell
from tests.unit.helpers import SURVEY, a_host, only_member, site_of

NAMES = ("images.example.org", "www.example.org")
ACME: dict[str, Any] = {"nginx_tls": {"acme": {"email": "a@example.org"}}}
SELF_SIGNED: dict[str, Any] = {"nginx_tls": "self-signed"}
SECRET = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
LIVE = Pair("/etc/letsencrypt/live/x/fullchain.pem", "/etc/letsencrypt/live/x/privkey.pem")


def target(pem: str = "", pair: Pair | None = None, **data: Any) -> Target:
    site = site_of(a_host(nginx_server_name=" ".join(NAMES), **data))
    there = {CERTIFICATE: "file", KEY: "file"} if pem else {}
    survey = replace(
        SURVEY,
        certificate=PresentCertificate(pem.encode(), pair),
        prefetched=PrefetchedFacts(states=there),
    )
    return Target(site, only_member(site), survey)


OWN_ONE = issue(*NAMES, end=timedelta(days=3000)).pem
ISSUED = issue(*NAMES, issuer=authority()).chain
ENDING = issue(*NAMES, begin=timedelta(days=-80), end=timedelta(days=20)).pem
EXPIRED = issue(*NAMES, begin=timedelta(days=-90), end=timedelta(days=-1)).pem
OTHER = issue("other.example.org", end=timedelta(days=3000)).pem


@pytest.mark.parametrize(
    ("data", "pem", "replaced"),
    [
        (SELF_SIGNED, "", True),
        (SELF_SIGNED, "hello\n", True),
        (SELF_SIGNED, OWN_ONE, False),
        (SELF_SIGNED, ENDING, True),
        (SELF_SIGNED, OTHER, True),
        (SELF_SIGNED, ISSUED, True),
        (ACME, "", True),
        (ACME, EXPIRED, True),
        (ACME, OWN_ONE, False),
        (ACME, ENDING, False),
        (ACME, OTHER, False),
        (ACME, ISSUED, False),
        ({}, "", False),
    ],
)
def test_nginx_gets_a_certificate_of_its_own_if_it_has_none_that_fits(
    data: dict[str, Any], pem: str, replaced: bool
) -> None:
    command = tls.replacement(target(pem, OWN if pem else None, **data), NOW)
    assert bool(command) == replaced
    assert "openssl req" in (command or "openssl req")


def test_files_elsewhere_are_copied_until_the_authority_has_issued() -> None:
    command = tls.replacement(target("", LIVE, **ACME), NOW)
    assert command is not None and LIVE.key in command


def test_the_survey_reports_the_present_certificate(tmp_path: Any) -> None:
    (tmp_path / "site.conf").write_text(
        "server {\n    ssl_certificate /a.pem;\n    ssl_certificate_key /a.key;\n}\n"
    )
    (tmp_path / "own.pem").write_text(OWN_ONE)
    script = "front=yes\n" + present_certificate.SCRIPT.replace(
        host_paths.NGINX_SITE, str(tmp_path / "site.conf")
    ).replace(CERTIFICATE, str(tmp_path / "own.pem"))
    found = present_certificate.read(shell(script).stdout.splitlines())
    assert found == PresentCertificate(OWN_ONE.encode(), Pair("/a.pem", "/a.key"))
    nothing = shell("front=\n" + present_certificate.SCRIPT).stdout
    assert present_certificate.read(nothing.splitlines()) == PresentCertificate()


def given(data: dict[str, Any] = ACME) -> tuple[Target, AcmeCertificate]:
    found = target(**data)
    assert isinstance(found.settings.nginx_tls, AcmeCertificate)
    return found, found.settings.nginx_tls


def test_certbot_reads_a_secret_from_its_configuration_alone() -> None:
    account = {"acme": {"email": "a@example.org", "eab": {"kid": "kid-1"}}}
    found = AcmeCertificate.model_validate(account)
    member = target(**ACME).member
    text = acme.configuration(member, found, SECRET)
    lines = dict(line.split(" = ", 1) for line in text.splitlines())
    assert (lines["eab-kid"], lines["eab-hmac-key"]) == ("kid-1", SECRET)
    assert lines["domains"] == ",".join(NAMES)
    command = acme.obtain(member, found, text)
    assert SECRET not in command and SECRET not in repr(Secret(SECRET))
    assert "eab" not in acme.configuration(member, given()[1], SECRET)
    assert SECRET not in acme.stamp(member, found).content


def test_each_name_is_asked_for_once_in_lower_case() -> None:
    site = site_of(a_host(nginx_server_name="A.example.org a.example.org b.example.org.", **ACME))
    assert acme.names(only_member(site)) == ("a.example.org", "b.example.org")


def test_the_end_of_acme_keeps_its_files_and_ends_the_renewal() -> None:
    items = acme.items(target(**SELF_SIGNED).member)
    assert [each.path for each in items] == [host_paths.ACME_AUTHORITY, host_paths.ACME_STAMP]
    assert all(isinstance(each, Absent) for each in items)
    for each in items:
        assert shell(f"set -n\n{each.command.text}").returncode == 0


def test_certbot_alone_reloads_nginx_for_a_new_certificate() -> None:
    assert CERTIFICATE in nginx.service().reload_on
    assert CERTIFICATE not in nginx.service(acme=True).reload_on


CHALLENGE = """Saving debug log to /var/log/letsencrypt/letsencrypt.log
Requesting a certificate for images.example.org and www.example.org

Certbot failed to authenticate some domains (authenticator: webroot). These are the problems:
  Domain: www.example.org
  Type:   {kind}
  Detail: 192.0.2.7: Invalid response

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile
"""


@pytest.mark.parametrize(
    ("output", "reason", "remedy"),
    [
        (CHALLENGE.format(kind="dns"), "www.example.org (dns): 192.0.2.7", "make DNS records"),
        (CHALLENGE.format(kind="unauthorized"), "(unauthorized)", "another server answers"),
        (CHALLENGE.format(kind="connection"), "(connection)", "port 80 of this host"),
        (CHALLENGE.format(kind="caa"), "(caa)", "CAA record"),
        (CHALLENGE.format(kind="new"), "(new)", "read /var/log/letsencrypt"),
        (
            "An unexpected error occurred:\nValueError: Requesting acme.example.org/dir: "
            "Connection refused\n",
            "Connection refused",
            "let the host reach the URL in server",
        ),
        (
            "requests.exceptions.SSLError: CERTIFICATE_VERIFY_FAILED\n",
            "SSLError",
            'set "ca"',
        ),
        (
            "urn:ietf:params:acme:error:accountDoesNotExist :: The request specified an account "
            "that does not exist\n",
            "accountDoesNotExist",
            "below /etc/letsencrypt/accounts",
        ),
        ("too many certificates (5) already issued\n", "too many", "wait as long"),
        ("\x1b[31mbad\x1b[0m\n", "\\x1b[31mbad", "read /var/log/letsencrypt"),
        ("", "certbot has failed without a message", "read /var/log/letsencrypt"),
    ],
)
def test_a_refusal_is_one_message_with_what_to_do(output: str, reason: str, remedy: str) -> None:
    message = acme_refusal.explain(output, given()[1].acme, NAMES)
    assert message.startswith("no certificate for images.example.org, www.example.org from https:")
    assert reason in message and remedy in message
    assert message.isprintable() and "Hint" not in message
