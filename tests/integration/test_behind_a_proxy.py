"""OMERO.web behind other proxies: the configurations of docs/behind-a-proxy.md, each tried."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from urllib3.util import connection

from tests.certificates import issue
from tests.integration.client import Client
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.omero_server import ADA, OmeroServer, client_login, omero_server

NAME = "images.example.org"
PREFIX = "/omero"
SITE = f"https://{NAME}{PREFIX}"
LOG = "/var/log/nginx/omero-web.access.log"
WSS_PORT = 4065
UPLOAD = 1_500_000_000  # bytes; more than Apache's own limit
PAGE = (ROOT / "docs" / "behind-a-proxy.md").read_text("utf-8")


@dataclass(frozen=True)
class Proxy:
    """A proxy's file, its own part before ours, and how it starts and stops."""

    heading: str
    path: str
    start: str
    stop: str
    before: str = ""


PROXIES = {
    "apache": Proxy(
        "Apache",
        "/etc/apache2/sites-enabled/images.conf",
        "a2enmod -q ssl proxy proxy_http; rm -f /etc/apache2/sites-enabled/000-default.conf; "
        "apache2ctl start",
        "apache2ctl stop",
    ),
    "haproxy": Proxy(
        "HAProxy",
        "/srv/own.cfg",
        "mkdir -p /run/haproxy; "
        "haproxy -D -p /run/haproxy.pid -f /etc/haproxy/haproxy.cfg -f /srv/own.cfg",
        "kill $(cat /run/haproxy.pid)",
    ),
    "caddy": Proxy(
        "Caddy",
        "/etc/caddy/Caddyfile",
        "caddy start --config /etc/caddy/Caddyfile > /srv/caddy.log 2>&1",
        "caddy stop",
    ),
}


def block(heading: str) -> str:
    """The first configuration below a heading of the page."""
    found = re.search(rf"^## {heading}\n.*?^```\w+\n(.*?)^```$", PAGE, re.M | re.S)
    assert found
    return found[1]


def for_a_path(heading: str) -> str:
    """The configuration with the line by which the page has a proxy pass on only the prefix."""
    part = PAGE[PAGE.index("## Below a path") :]
    line = r"replace the line `(.*?)`:\n\n```\w+\n(.*?)^```$"
    found = re.search(rf"In {heading}, {line}", part, re.M | re.S)
    assert found
    former, new = re.escape(found[1]), found[2]
    whole, count = re.subn(rf"^ *{former}.*\n", lambda _: new, block(heading), flags=re.M)
    assert count == 1
    return whole


class Setup:
    """OMERO.web on one host, the proxies on another."""

    def __init__(self, site: Host, front: Host, omero: OmeroServer) -> None:
        self.site, self.front, self.omero = site, front, omero

    def start(self, proxy: Proxy, text: str) -> None:
        own = text.replace("10.0.0.7", self.site.ip)
        assert own != text
        self.front.write(proxy.path, own)
        self.front.run(proxy.start)
        self.front.wait_until(self._answers, 20, proxy.heading)

    def _answers(self) -> bool:
        with socket.create_connection((self.front.ip, 443), timeout=5):
            return True

    def stop(self, proxy: Proxy) -> None:
        self.front.run(proxy.stop, check=False)
        ports = "cat /proc/net/tcp /proc/net/tcp6 | grep -E ':(0050|01BB) 0+:0000 0A'"
        self.front.wait_until(lambda: self.front.run(ports, check=False).exit_code, 20, "its end")


@pytest.fixture(scope="module")
def setup(make_session_host: MakeHost, deployed_image: str) -> Iterator[Setup]:
    with (
        make_session_host("plain", name="front") as front,
        make_session_host("plain", name="site", image=deployed_image) as site,
        omero_server(site, wss_port=WSS_PORT) as omero,
    ):
        front.run(
            "apt-get -q update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "
            "apt-get -q -y install --no-install-recommends apache2 haproxy caddy"
        )
        issued = issue(NAME)
        front.write(f"/etc/ssl/{NAME}.pem", issued.pem)
        front.write(f"/etc/ssl/{NAME}.key", issued.key_pem)
        front.write(f"/etc/ssl/{NAME}.both.pem", issued.pem + issued.key_pem)
        deploy(
            docker_inventory(
                site,
                nginx_server_name=NAME,
                nginx_behind_proxy=[front.ip],
                nginx_omero_ws=f"wss://{omero.address}:{WSS_PORT}",
                web_config={
                    "omero.web.server_list": omero.server_list,
                    "omero.web.prefix": PREFIX,
                },
            )
        )
        site.run(f"echo '{front.ip} {NAME}' >> /etc/hosts")
        yield Setup(site, front, omero)


@pytest.fixture(params=[*PROXIES.values()], ids=[*PROXIES])
def proxy(
    setup: Setup, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Proxy]:
    """Each proxy, whose host has the site's name for visitors here."""
    create, ip = connection.create_connection, setup.front.ip

    def to_front(address: tuple[str, int], *args: object, **options: object) -> socket.socket:
        return create((ip if address[0] == NAME else address[0], address[1]), *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(connection, "create_connection", to_front)
    found: Proxy = request.param
    yield found
    setup.stop(found)


def get(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, verify=False, allow_redirects=False, timeout=60)


def test_a_site_behind_a_proxy(setup: Setup, proxy: Proxy) -> None:
    setup.start(proxy, block(proxy.heading))
    user = Client(SITE, ADA)
    assert user.is_in()
    page = user.get("/webclient/")
    names = re.findall(r'(?:href|src)="([^"]+\.(?:css|js)[^"]*)"', page.text)
    assert names and all(get(f"https://{NAME}{name}").status_code == 200 for name in names[:3])

    # a header of the visitor's own is not believed
    get(f"{SITE}/webclient/login/?me", **{"X-Forwarded-For": "6.6.6.6"})
    (line,) = [each for each in setup.site.read(LOG).splitlines() if "/login/?me " in each][-1:]
    assert line.split()[0] not in ("6.6.6.6", setup.front.ip, "127.0.0.1")
    plain = get(f"http://{NAME}{PREFIX}/webclient/?a=b")
    assert plain.status_code in (301, 308)
    assert plain.headers["Location"] == f"{SITE}/webclient/?a=b"
    assert get(f"https://{NAME}/").headers["Location"] == f"{PREFIX}/"

    reached = setup.site.run(client_login(f"wss://{NAME}/omero-ws", 443, ADA.name, ADA.password))
    assert reached.stdout.split() == [ADA.name, "wss"]
    assert_upload_passes(setup, user)
    # the maintenance page is NGINX's
    setup.site.run("omeroweb-ops maintenance on")
    closed = get(f"{SITE}/webclient/login/")
    setup.site.run("omeroweb-ops maintenance off")
    assert closed.status_code == 503 and "Maintenance" in closed.text


def assert_upload_passes(setup: Setup, user: Client) -> None:
    """NGINX takes the body of a large upload, so the proxy has let it pass."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    cookies = "; ".join(f"{each.name}={each.value}" for each in user.session.cookies)
    head = (
        f"POST {PREFIX}/webclient/ HTTP/1.1\r\nHost: {NAME}\r\nCookie: {cookies}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {UPLOAD}\r\n\r\n"
    )
    taken = (
        "for f in /proc/[0-9]*/fd/*; do case $(readlink $f) in /var/lib/nginx/body/*) "
        "stat -L -c %s $f;; esac; done 2> /dev/null"
    )
    with (
        socket.create_connection((setup.front.ip, 443), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as secured,
    ):
        secured.sendall(head.encode())
        for _ in range(30):
            secured.sendall(b"x" * 1_000_000)

        def sizes() -> list[int]:
            return [
                int(size)
                for size in setup.site.run(taken, user="www-data", check=False).stdout.split()
            ]

        setup.site.wait_until(lambda: max(sizes(), default=0) > 10_000_000, 20, "an upload")


def test_below_a_path_of_another_site(setup: Setup, proxy: Proxy) -> None:
    setup.start(proxy, for_a_path(proxy.heading))
    assert Client(SITE, ADA).is_in()
    found = get(f"https://{NAME}/another")
    assert "X-Request-ID" not in found.headers  # NGINX has it on each page
