"""What an ACME authority would refuse, or could not reach, is an error before it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.certificates import issue
from tests.unit.helpers import a_host, mistakes_of, site_of

NAME = "images.example.org"
KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
PRIVATE = "https://acme.example.org:14000/dir"


def tls(**more: Any) -> dict[str, Any]:
    return {"acme": {"email": "a@example.org", **more}}


def secrets(folder: Path, **content: Any) -> dict[str, Any]:
    path = folder / "secrets.yml"
    path.write_text(yaml.safe_dump(content))
    path.chmod(0o600)
    return {"web_secrets": str(path)}


def test_a_name_and_an_address_are_enough() -> None:
    site_of(a_host(nginx_server_name=f"{NAME} www.example.org", nginx_tls=tls()))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "set nginx_server_name to the site's names"),
        (
            {"nginx_server_name": "*.example.org"},
            "*.example.org in nginx_server_name is a",
        ),
        ({"nginx_server_name": ".example.org"}, "is a wildcard"),
        ({"nginx_server_name": "_"}, "is a wildcard"),
        (
            {"nginx_server_name": f"{NAME} 192.0.2.7"},
            "192.0.2.7 in nginx_server_name is an IP",
        ),
        ({"nginx_server_name": "[2001:db8::7]"}, "is an IP address"),
        ({"nginx_server_name": "omero"}, "is not a name of the public DNS"),
        ({"nginx_server_name": "omero.lan"}, "is not a name of the public DNS"),
        ({"nginx_server_name": "my_images.example.org"}, "is not a host name"),
        (
            {"nginx_server_name": " ".join(f"a{number}.example.org" for number in range(101))},
            "at most 100 names, not 101",
        ),
        ({"nginx_server_name": NAME, "nginx_http_port": 8080}, "set nginx_http_port = 80"),
    ],
)
def test_what_no_certificate_can_be_for(data: dict[str, Any], told: str) -> None:
    (mistake,) = mistakes_of(a_host(nginx_tls=tls(), **data))
    assert mistake.startswith("@local: nginx_tls: acme: ")
    assert told in mistake


def test_a_private_authority_may_have_names_of_its_own() -> None:
    site_of(a_host(nginx_server_name="omero omero.lan", nginx_tls=tls(server=PRIVATE)))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"acme": {}}, "email is missing"),
        (tls(email="nobody"), "'nobody' is not an email address"),
        (tls(email="a@b.org\nserver = x"), "is not an email address"),
        (tls(server="http://acme.example.org/dir"), "is not the https URL"),
        (tls(server="acme.example.org"), "is not the https URL"),
        (tls(server="https://a:b@acme.example.org/"), "is not the https URL"),
        (tls(server="https://acme.example.org/ x"), "is not the https URL"),
        (tls(eab={"kid": "a b"}), "is not the key identifier"),
        (tls(eab={"kid": "a", "hmac_key": KEY}), "set `acme_eab_hmac_key: …` in the file"),
        (tls(eab="kid"), 'eab must be {"kid": "…"}'),
        (tls(staging=True), "staging is not known"),
        ({**tls(), "key": "site.key"}, "key is not known"),
    ],
)
def test_a_wrong_value_is_one_error(value: Any, told: str) -> None:
    (mistake,) = mistakes_of(a_host(nginx_server_name=NAME, nginx_tls=value))
    assert told in mistake
    assert KEY not in mistake


def test_the_authority_of_the_server_is_a_file_of_certificates(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("hello\n")
    host = a_host(nginx_server_name=NAME, nginx_tls=tls(ca=str(path)))
    assert "must have certificates in PEM form" in mistakes_of(host)[0]
    path.write_text(issue(authority=True, subject="Root").pem)
    site_of(host)


def test_two_hosts_of_one_name_cannot_both_be_asked() -> None:
    hosts = [
        a_host(name, "nginx", reached_as=name, nginx_server_name=names, nginx_tls=tls())
        for name, names in (("n.example", NAME), ("m.example", f"{NAME.upper()} www.example.org"))
    ]
    web = a_host("w.example", "web redis", reached_as="w.example")
    mistakes = [each for each in mistakes_of(web, *hosts) if "nginx_tls" in each]
    assert len(mistakes) == 2
    assert "m.example has the same nginx_server_name" in mistakes[0]
    assert "end TLS in the balancer" in mistakes[0]


@pytest.mark.parametrize(
    ("eab", "content", "told"),
    [
        (None, {"acme_eab_hmac_key": KEY}, "needs its key identifier"),
        ({"kid": "kid-1"}, {}, "set `acme_eab_hmac_key: …`"),
        ({"kid": "kid-1"}, {"acme_eab_hmac_key": "not base64!"}, "base64url"),
        ({"kid": "kid-1"}, {"acme_eab_hmac_keys": KEY}, "did you mean acme_eab_hmac_key?"),
        ({"kid": "kid-1"}, {"acme_eab_hmac_key": KEY}, None),
    ],
)
def test_an_account_needs_its_identifier_and_its_key(
    tmp_path: Path, eab: dict[str, str] | None, content: dict[str, str], told: str | None
) -> None:
    more = {"eab": eab} if eab else {}
    own = secrets(tmp_path, **content)
    mistakes = mistakes_of(a_host(nginx_server_name=NAME, nginx_tls=tls(**more), **own))
    assert bool(mistakes) == bool(told)
    assert (told or "") in "".join(mistakes)
    assert KEY not in "".join(mistakes)


def test_a_key_without_acme_is_a_mistake(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(a_host(**secrets(tmp_path, acme_eab_hmac_key=KEY)))
    assert 'set nginx_tls["acme"]["eab"]' in mistake
