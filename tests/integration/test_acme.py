"""A certificate of a real ACME server: issued by a deploy, renewed without one, kept in trouble."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import hashes

from tests.certificates import issue
from tests.integration import acme_server
from tests.integration.acme_server import AUTHORITY, DIRECTORY, HMAC_KEY, KID, NAMES, SERVER, served
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Deployment, Host, deploy, docker_inventory

LIVE = "/etc/letsencrypt/live/omero-web"
OWN = "/etc/nginx/omero-web"
RENEW = "certbot renew -q --force-renewal --no-random-sleep-on-renew"


class Site:
    """A host with an ACME server, and deploys of a site that uses it."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        (folder / "ca.pem").write_text(AUTHORITY.pem)
        secrets = folder / "secrets.yml"
        secrets.write_text(yaml.safe_dump({"acme_eab_hmac_key": HMAC_KEY}))
        secrets.chmod(0o600)
        self.ca, self._secrets = str(folder / "ca.pem"), str(secrets)

    def deploy(
        self,
        *names: str,
        eab: bool = True,
        tls: str | None = None,
        expect: int = 0,
        arguments: tuple[str, ...] = (),
    ) -> Deployment:
        acme: dict[str, object] = {"email": "a@example.org", "server": DIRECTORY, "ca": self.ca}
        if eab:
            acme["eab"] = {"kid": KID}
        text = docker_inventory(
            self.host,
            nginx_server_name=" ".join(names or NAMES),
            nginx_tls=tls or {"acme": acme},
            **({"web_secrets": self._secrets} if eab and not tls else {}),
        )
        return deploy(text, *arguments, expect=expect)

    @property
    def fingerprint(self) -> bytes:
        return served(self.host).fingerprint(hashes.SHA256())

    def put(self, certificate: str, key: str, chain: str, key_pem: str) -> None:
        """Write a pair to where the links lead."""
        for path, text in ((certificate, chain), (key, key_pem)):
            self.host.run(f"cat > $(readlink -f {path})", stdin=text.encode())


@pytest.fixture(scope="module")
def site(
    make_session_host: MakeHost,
    deployed_systemd_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    with make_session_host("systemd", name="acme", image=deployed_systemd_image) as host:
        acme_server.install(host)
        acme_server.start(host)
        yield Site(host, tmp_path_factory.mktemp("acme"))


def test_a_refusal_leaves_a_site_with_a_certificate_of_its_own(site: Site) -> None:
    """The server wants an account that it knows; then the first certificate is for every name."""
    refused = site.deploy(eab=False, expect=1)
    assert f"no certificate for {', '.join(NAMES)} from {DIRECTORY}: " in refused.output
    assert "set eab and acme_eab_hmac_key" in refused.output
    assert "OMERO.web is at https://images.example.org/" in refused.output
    found = served(site.host)
    assert found.issuer == found.subject

    issued = site.deploy(arguments=("-vvv",))
    root = acme_server.root(site.host)
    for name in NAMES:
        page = site.host.http("/webclient/login/", host_header=name, scheme="https")
        assert served(site.host, name, root) and page.status_code == 200
    assert site.host.http("/", host_header=NAMES[1]).headers["Location"].startswith("https://")
    assert HMAC_KEY not in issued.output
    holders = site.host.run(f"grep -rlF '{HMAC_KEY}' /etc /run /var /opt /tmp /root || true")
    assert holders.stdout == ""
    assert site.host.run(f"stat -c '%a %U' {OWN}/key.pem {OWN}").stdout == "600 root\n700 root\n"
    assert site.host.run("systemctl is-enabled certbot.timer").stdout == "enabled\n"
    idle = site.deploy()
    assert idle.changed_operations == ()


def test_a_renewal_needs_no_deploy_and_a_failed_one_is_reported(site: Site) -> None:
    first = site.fingerprint
    site.host.run(RENEW)
    # NGINX reloads after the command of its master, and its old workers may answer once more
    site.host.wait_until(lambda: site.fingerprint != first, 20, "the new certificate")
    renewed = site.fingerprint
    assert served(site.host, trusted=acme_server.root(site.host))
    assert site.deploy().changed_operations == ()

    acme_server.stop(site.host)
    assert site.host.run(RENEW, check=False).exit_code == 1
    site.host.run("omero-web-certificate")  # as cron does each minute
    for command in ("status", "doctor"):
        output = site.host.run(f"omeroweb-ops {command} --json", check=False).stdout
        assert re.search(rf"its renewal failed on 20.*Requesting {SERVER}/dir: ", output)
    assert site.fingerprint == renewed
    acme_server.start(site.host)
    site.host.run("rm -r /etc/letsencrypt/accounts")  # the server has forgotten them


def test_what_is_expired_or_wrong_never_reaches_visitors(site: Site) -> None:
    before = site.fingerprint
    old = issue(*NAMES, begin=timedelta(days=-90), end=timedelta(days=-1))
    other = issue("other.example.org")
    for pair, message in ((old, "has expired"), (other, "is not for images.example.org")):
        site.put(f"{LIVE}/fullchain.pem", f"{LIVE}/privkey.pem", pair.chain, pair.key_pem)
        done = site.host.run("omero-web-certificate", check=False)
        assert done.exit_code == 1 and message in done.stderr
        assert site.fingerprint == before
    # a host that was off for long: what NGINX has is expired, too
    for folder in (LIVE, OWN):
        names = {LIVE: ("fullchain", "privkey"), OWN: ("certificate", "key")}[folder]
        certificate, key = (f"{folder}/{name}.pem" for name in names)
        site.put(certificate, key, old.chain, old.key_pem)
    site.host.run(f"cp $(readlink -f {LIVE}/fullchain.pem) $(readlink -f {LIVE}/cert.pem)")
    site.deploy()
    assert served(site.host, trusted=acme_server.root(site.host))


def test_a_name_that_is_refused_and_other_kinds_of_certificates(site: Site) -> None:
    before = site.fingerprint
    refused = site.deploy(*NAMES, "gone.example.org", expect=1)
    assert "gone.example.org (connection): " in refused.output
    assert "let the authority reach port 80 of this host" in refused.output
    assert site.fingerprint == before

    site.deploy(tls="self-signed")
    found = served(site.host)
    assert found.issuer == found.subject
    assert "No certificates found" in site.host.run("certbot certificates").stdout
    assert not site.host.exists("/etc/ssl/certs/omero-web-acme.pem")
    site.deploy()  # what certbot has is still valid
    assert site.fingerprint == before
    assert site.deploy().changed_operations == ()
