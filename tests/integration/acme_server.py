"""An ACME server on a host of the tests: Debian's pebble, which asks port 80 as public ones do."""

from __future__ import annotations

import json
import socket
import ssl

import requests
from cryptography import x509

from tests.certificates import issue
from tests.integration.hosts import Host

NAMES = ("images.example.org", "www.example.org")
SERVER = "acme.example.org"
DIRECTORY = f"https://{SERVER}:14000/dir"
KID, HMAC_KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
# The authority of the server's own https, which is not the one of the certificates it issues.
AUTHORITY = issue(authority=True, subject="Authority of the ACME server")
_FOLDER = "/srv/pebble"
_CONFIG = {
    "pebble": {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": f"{_FOLDER}/server.pem",
        "privateKey": f"{_FOLDER}/server.key",
        "httpPort": 80,
        "tlsPort": 443,
        "externalAccountBindingRequired": True,
        "externalAccountMACKeys": {KID: HMAC_KEY},
    }
}


def install(host: Host) -> None:
    """Install the server, and let the host know the names, as a DNS would."""
    host.run("apt-get -q update && apt-get -q -y install --no-install-recommends pebble")
    host.run(f"echo '127.0.0.1 {SERVER} {' '.join(NAMES)}' >> /etc/hosts")
    own = issue(SERVER, issuer=AUTHORITY)
    host.write(f"{_FOLDER}/server.pem", own.pem)
    host.write(f"{_FOLDER}/server.key", own.key_pem)
    host.write(f"{_FOLDER}/config.json", json.dumps(_CONFIG))


def start(host: Host) -> None:
    """Start the server, which keeps accounts and certificates in memory."""
    command = f"PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 pebble -config {_FOLDER}/config.json"
    host.run(f"setsid sh -c '{command}' > {_FOLDER}/log 2>&1 &")
    host.wait_until(lambda: "ACME directory available" in host.read(f"{_FOLDER}/log"), 10, "pebble")


def stop(host: Host) -> None:
    """Stop the server."""
    host.kill(*(process.pid for process in host.processes("^pebble ")), signal="TERM")
    host.wait_until(lambda: not host.processes("^pebble "), 10, "no pebble")


def root(host: Host) -> str:
    """The certificate, in PEM, of the root below which the server issues, new at each start."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"https://{host.ip}:15000/roots/0", verify=False, timeout=30).text


def served(host: Host, name: str = NAMES[0], trusted: str | None = None) -> x509.Certificate:
    """The certificate that NGINX has; with a root, only if browsers would trust it for the name."""
    context = ssl.create_default_context(cadata=trusted)
    if trusted is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host.ip, 443), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
