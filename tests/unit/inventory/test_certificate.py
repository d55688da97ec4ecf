"""Certificates that will not do are told before NGINX or a visitor finds out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from roles import host_paths
from roles.inventory import certificate, checks, tls_files
from roles.inventory.certificate import find
from roles.nginx import tls
from roles.operations.files import Absent
from roles.preflight import host_certificate
from tests.certificates import NOW, Issued, authority, issue, key_pem
from tests.operations.local import ask
from tests.unit.helpers import a_host, mistakes_of, only_member, site_of

AUTHORITY = authority()
GOOD = issue("omero.example", "*.images.example", "10.0.0.5", issuer=AUTHORITY)


def told(text: str, key: str, names: Sequence[str] = ("omero.example",)) -> list[str]:
    return [each.message for each in find(text.encode(), key.encode(), names, NOW)]


def errors(text: str, key: str, names: Sequence[str] = ("omero.example",)) -> list[str]:
    return [each.message for each in find(text.encode(), key.encode(), names, NOW) if each.is_error]


def test_a_good_one_is_silent() -> None:
    assert told(GOOD.chain, GOOD.key_pem) == []
    assert told(GOOD.chain, GOOD.key_pem, []) == []


def test_the_public_half_of_a_key_is_enough() -> None:
    public = GOOD.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert told(GOOD.chain, public.decode()) == []
    assert "does not match the certificate" in told(issue("omero.example").pem, public.decode())[0]


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("hello", GOOD.key_pem, "certificate: must be a certificate in PEM form"),
        (GOOD.chain, "hello", "key: must be a private key in PEM form"),
        (GOOD.chain, GOOD.chain, "key: must be a private key in PEM form"),
        (GOOD.chain, key_pem(GOOD.key, b"secret"), "key: has a passphrase"),
        (
            GOOD.chain,
            AUTHORITY.key_pem,
            "certificate: the site's own certificate must be the first",
        ),
        (GOOD.chain, issue("x").key_pem, "the key does not match the certificate"),
    ],
)
def test_what_is_no_certificate_or_no_key_of_it_is_told(text: str, key: str, message: str) -> None:
    (found,) = errors(text, key)
    assert found.startswith(message)


def test_a_weak_key_is_told() -> None:
    weak = issue("omero.example", key=rsa.generate_private_key(65537, 1024))
    assert "key: must have 2048 bits or more, not 1024" in errors(weak.pem, weak.key_pem)[0]


def test_a_chain_in_the_wrong_order_is_told_with_the_right_one() -> None:
    assert AUTHORITY.issuer
    wrong = GOOD.pem + AUTHORITY.issuer.pem + AUTHORITY.pem
    assert "CN=Test root, which did not issue it" in errors(wrong, GOOD.key_pem)[0]
    whole = GOOD.pem + AUTHORITY.pem + AUTHORITY.issuer.pem
    assert told(whole, GOOD.key_pem) == []


def test_a_missing_chain_is_a_doubt_unless_it_is_self_signed() -> None:
    (found,) = told(GOOD.pem, GOOD.key_pem)
    assert "fullchain.pem" in found
    assert errors(GOOD.pem, GOOD.key_pem) == []
    own = issue("omero.example")
    assert told(own.pem, own.key_pem) == []


@pytest.mark.parametrize(
    ("begin", "end", "message", "error"),
    [
        (-90, -1, "expired on", True),
        (1, 90, "is not valid before", True),
        (-70, 20, "in 19 days", False),
        (-70, 22, None, False),
    ],
)
def test_dates(begin: int, end: int, message: str | None, error: bool) -> None:
    days = timedelta(minutes=-5)
    one = issue("omero.example", begin=timedelta(days=begin), end=timedelta(days=end) + days)
    found = told(one.pem, one.key_pem)
    assert (message or "") in "".join(found)
    assert bool(found) == (message is not None)
    assert bool(errors(one.pem, one.key_pem)) == error


def test_an_expired_issuer_is_told_too() -> None:
    old = issue(authority=True, issuer=AUTHORITY, subject="Old", end=timedelta(hours=-1))
    one = issue("omero.example", issuer=old)
    assert "CN=Old expired on" in errors(one.chain, one.key_pem)[0]


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["omero.example", "OMERO.Example"], ""),
        (["a.images.example", "*.images.example"], ""),
        (["10.0.0.5", "_", "www.example.*"], ""),
        (["images.example"], "images.example"),
        (["a.b.images.example"], "a.b.images.example"),
        (["10.0.0.6", "omero.example"], "10.0.0.6"),
        (["other.example", "omero.example", "third.example"], "other.example, third.example"),
    ],
)
def test_the_names_of_the_site_must_be_in_it(names: list[str], missing: str) -> None:
    found = errors(GOOD.chain, GOOD.key_pem, names)
    if missing:
        assert f"not for {missing};" in found[0]
        assert "omero.example, *.images.example, 10.0.0.5" in found[0]
    else:
        assert found == []


def test_one_without_names_is_warned_of_and_its_subject_counts() -> None:
    bare = issue(subject="omero.example")
    assert errors(bare.pem, bare.key_pem) == []
    assert "has no subjectAltName" in " ".join(told(bare.pem, bare.key_pem))
    assert "not for other.example" in errors(bare.pem, bare.key_pem, ["other.example"])[0]


def pair(folder: Path, one: Issued, key: str | None = None) -> dict[str, str]:
    (folder / "site.pem").write_text(one.chain)
    (folder / "site.key").write_text(key or one.key_pem)
    return {"certificate": str(folder / "site.pem"), "key": str(folder / "site.key")}


def test_a_wrong_certificate_is_one_of_the_inventory_s_mistakes(tmp_path: Path) -> None:
    files = pair(tmp_path, GOOD, issue("x").key_pem)
    found = mistakes_of(a_host("@docker/one", nginx_tls=files, nginx_server_name="other.example"))
    assert len(found) == 2
    assert all(each.startswith("@docker/one: nginx_tls: ") for each in found)


def test_one_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    files = pair(tmp_path, issue("omero.example", end=timedelta(days=5)))
    site = site_of(a_host("@docker/one", nginx_tls=files))
    (warning,) = checks.warnings(site)
    assert "expires on" in str(warning)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    files = pair(tmp_path, GOOD)
    (tmp_path / "site.key").unlink()
    (tmp_path / "site.key").mkdir()
    assert "site.key cannot be read" in mistakes_of(a_host("@docker/one", nginx_tls=files))[0]


LIVE = {
    "certificate": "/etc/letsencrypt/live/omero.example/fullchain.pem",
    "key": "/etc/letsencrypt/live/omero.example/privkey.pem",
}


def test_an_absolute_path_that_is_not_here_is_used_in_its_place_on_the_host() -> None:
    member = only_member(site_of(a_host("@docker/one", nginx_tls=LIVE)))
    assert tls_files.paths(member) == tls_files.Pair(**LIVE)
    written = {item.path for item in tls.items(member) if not isinstance(item, Absent)}
    assert written == {host_paths.CERTIFICATE_COMMAND, host_paths.CERTIFICATE_CRON}


@pytest.mark.parametrize(
    "path", ["/srv/our key.pem", "/srv/it's.pem", "/srv/$host.pem", "/srv/a;b"]
)
def test_a_path_on_the_host_that_nginx_reads_otherwise_is_refused(path: str) -> None:
    (mistake,) = mistakes_of(a_host("@docker/one", nginx_tls={**LIVE, "key": path}))
    assert f"nginx_tls: {path!r} has a character that means something else" in mistake


def test_this_machine_s_own_is_not_copied(tmp_path: Path) -> None:
    files = pair(tmp_path, GOOD)
    here = only_member(site_of(a_host("@local", nginx_tls=files)))
    assert tls_files.paths(here) == tls_files.Pair(**files)
    elsewhere = only_member(site_of(a_host("@docker/one", nginx_tls=files)))
    assert tls_files.paths(elsewhere) == tls_files.Pair(tls_files.CERTIFICATE, tls_files.KEY)


@pytest.mark.parametrize("broken", ["", "passphrase", "other key", "no certificate"])
def test_what_a_host_holds_is_looked_at_without_its_key_leaving_it(
    tmp_path: Path, broken: str
) -> None:
    keys = {"passphrase": key_pem(GOOD.key, b"secret"), "other key": issue("x").key_pem}
    files = pair(tmp_path, GOOD, keys.get(broken))
    if broken == "no certificate":
        (tmp_path / "site.pem").write_text("hello\n")
    answer = ask(host_certificate.CertificateOnHost, **files)
    assert b"PRIVATE" not in answer.key
    member = only_member(site_of(a_host("@local", nginx_tls=files)))
    found = [each.message for each in tls_files.findings(member, answer)]
    messages = {
        "passphrase": "key: must be a private key",
        "other key": "the key does not match",
        "no certificate": "certificate: must be a certificate",
    }
    assert bool(found) == bool(broken)
    assert messages.get(broken, "") in "".join(found)


def test_a_path_that_is_nowhere_is_told(tmp_path: Path) -> None:
    files = {"certificate": str(tmp_path / "gone.pem"), "key": str(tmp_path / "gone.key")}
    member = only_member(site_of(a_host("@docker/one", nginx_tls=files)))
    found = list(tls_files.findings(member, ask(host_certificate.CertificateOnHost, **files)))
    assert [each.subject for each in found] == [certificate.SETTING] * 2
    assert "gone.pem is neither on this machine nor on the host" in found[0].message
