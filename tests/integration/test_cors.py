"""Pages of other origins call a real site in a real browser: reading, preflight and login."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.chromium import PROGRAM
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Deployment, Host, deploy, docker_inventory
from tests.integration.omero_server import User, omero_server
from tests.integration.site_checks import assert_serves, django

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FETCH = """async ([url, options]) => {
    try {
        const answer = await fetch(url, {credentials: "include", ...options});
        return {status: answer.status, body: await answer.text()};
    } catch (error) { return {refused: String(error)}; }
}"""
OTHER_PORT = 8999  # of the site's own host: another origin, the same site
ADA = User("ada", "secret", "Ada Lovelace")
ALLOW = "Access-Control-Allow-Origin"


class Viewer(BaseHTTPRequestHandler):
    """An empty page: what it does is what the test has it do."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>viewer</title>")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "viewer.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="module")
def viewers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Origins of two pages of another site, served over https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path_factory.mktemp("viewer")))
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Viewer) for _ in range(2)]
    for server in servers:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"https://127.0.0.1:{server.server_address[1]}" for server in servers]
    for server in servers:
        server.shutdown()


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    """With an OMERO.server on it: the default omero.web.server_list names localhost."""
    with make_session_host("plain", image=deployed_image) as host, omero_server(host, ADA):
        yield host


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def lenient_page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """In a browser whose user allows third-party cookies: a new Chromium may block them."""
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))
    context = browser.browser_type.launch_persistent_context(
        tmp_path,
        executable_path=PROGRAM,
        args=["--no-sandbox", "--disable-gpu"],
        ignore_https_errors=True,
    )
    yield context.new_page()
    context.close()


def call(page: Page, url: str, **options: Any) -> Any:
    """What a script of the page gets: status and body, or that the browser keeps it away."""
    return page.evaluate(FETCH, [url, options])


def log_in(page: Page, site: str) -> Any:
    """As a viewer does it: the token, then user and password."""
    token = json.loads(call(page, f"{site}/api/v0/token/")["body"])["data"]
    return call(
        page,
        f"{site}/api/v0/login/",
        method="POST",
        body=f"username={ADA.name}&password={ADA.password}&server=1",
        headers={"X-CSRFToken": token, "Content-Type": "application/x-www-form-urlencoded"},
    )


def assert_logged_in(page: Page, site: str, answer: Any) -> None:
    """By what OMERO.web says, and by data that only the user sees."""
    assert json.loads(answer["body"])["eventContext"]["userName"] == ADA.name
    projects = json.loads(call(page, f"{site}/api/v0/m/projects/")["body"])["data"]
    assert [each["Name"] for each in projects] == ["Project 1 of ada", "Project 2 of ada"]


def settle(host: Host, **settings: Any) -> Deployment:
    """Deploy; after a reload a worker of before may answer a last time, after a restart none."""
    run = deploy(docker_inventory(host, **settings))
    host.run("omero web restart")
    return run


def preflights(host: Host) -> int:
    return host.read("/var/log/nginx/omero-web.access.log").count('"OPTIONS /api/v0/login/')


def test_a_page_of_the_same_site_needs_its_origin_alone(host: Host, page: Page) -> None:
    """Another port or another subdomain: the browser sends its cookies anyway."""
    host.write("/srv/viewer/index.html", "<title>viewer</title>")
    host.run(
        f"setsid python3 -m http.server -d /srv/viewer {OTHER_PORT} > /dev/null 2>&1 &",
    )
    viewer, site = f"http://{host.ip}:{OTHER_PORT}", f"http://{host.ip}"
    host.wait_until(lambda: host.http("/", port=OTHER_PORT).ok, 20, "the viewer")
    settings: dict[str, Any] = {
        "web_cors_origins": [viewer],
        "web_config_append": {"omero.web.csrf_trusted_origins": ["https://own.example.org"]},
    }
    run = settle(host, **settings)
    assert re.search(rf"\+ omero.web.cors_origin_whitelist:\n.* \+ {viewer}", run.output)
    assert_serves(host)

    page.goto(viewer)
    answer = call(page, f"{site}/api/v0/")
    assert answer["status"] == 200
    assert json.loads(answer["body"])["url:login"] == f"{site}/api/v0/login/"
    before = preflights(host)
    answer = log_in(page, site)
    assert preflights(host) == before + 1
    assert_logged_in(page, site, answer)
    # its own pages go on as before
    page.goto(f"{site}/webclient/login/")
    assert_logged_in(page, site, log_in(page, site))

    printed = "from django.conf import settings\nprint(*settings.MIDDLEWARE, sep='\\n')"
    order = [line.rpartition(".")[2] for line in django(host, printed).splitlines()]
    assert order[0] == "CorsMiddleware"
    assert order[order.index("CsrfViewMiddleware") + 1] == "CorsPostCsrfMiddleware"
    trusted = host.run("omero config get omero.web.csrf_trusted_origins").stdout
    assert json.loads(trusted) == [viewer, "https://own.example.org"]
    assert deploy(docker_inventory(host, **settings)).changed_operations == ()


def test_a_page_of_another_site_logs_in_where_that_is_wanted(
    host: Host, viewers: list[str], lenient_page: Page
) -> None:
    page = lenient_page
    known, stranger = viewers
    site = f"https://{host.ip}"
    settings: dict[str, Any] = {"web_cors_origins": [known], "nginx_tls": "self-signed"}
    settle(host, **settings)
    page.goto(known)
    assert call(page, f"{site}/api/v0/")["status"] == 200
    # without web_cors_login the browser keeps the cookies back
    assert "CSRF cookie not set" in log_in(page, site)["body"]

    settle(host, **settings, web_cors_login=True)
    assert_logged_in(page, site, log_in(page, site))
    cookies = page.context.cookies(site)
    assert {(each["name"], each["sameSite"], each["secure"]) for each in cookies} == {
        ("csrftoken", "None", True),
        ("sessionid", "None", True),
    }

    page.goto(stranger)
    assert "Failed to fetch" in call(page, f"{site}/api/v0/")["refused"]
    before = host.read("/var/log/nginx/omero-web.access.log").count('"POST /api/v0/login/')
    refused = call(
        page, f"{site}/api/v0/login/", method="POST", headers={"X-CSRFToken": "guess"}, body="x=1"
    )
    assert "Failed to fetch" in refused["refused"]
    assert host.read("/var/log/nginx/omero-web.access.log").count('"POST /api/v0/login/') == before
    # a form needs no preflight and is sent; OMERO.web refuses it
    form = host.http(
        "/api/v0/login/",
        method="POST",
        scheme="https",
        headers={
            "Origin": stranger,
            "Cookie": f"csrftoken={'a' * 32}",
            "X-CSRFToken": "a" * 32,
        },
        data={"username": "ada"},
    )
    assert form.status_code == 403
    assert "Origin checking failed" in form.text


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_only_known_origins_are_told_that_they_may(
    host: Host, viewers: list[str], method: str
) -> None:
    known, stranger = viewers
    asked = {"Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "x-csrftoken"

    def headers(origin: str) -> Any:
        sent = {"Origin": origin, **(asked if method == "OPTIONS" else {})}
        return host.http("/api/v0/", method=method, scheme="https", headers=sent).headers

    assert headers(known)[ALLOW] == known
    assert headers(known)["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in headers(known)["Vary"]
    if method == "OPTIONS":
        assert "x-csrftoken" in headers(known)["Access-Control-Allow-Headers"]
    for other in (stranger, known.replace("https", "http"), "null", f"{known}.example.org"):
        assert ALLOW not in headers(other)


def test_without_the_setting_nothing_of_it_is_left(host: Host, viewers: list[str]) -> None:
    settle(host)
    answer = host.http("/api/v0/", headers={"Origin": viewers[0]})
    assert answer.status_code == 200
    assert ALLOW not in answer.headers
    left = host.run("omero config get").stdout
    assert not [line for line in left.splitlines() if "cors" in line or "samesite" in line]
