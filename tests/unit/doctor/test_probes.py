"""How the doctor asks: real connections to servers of this test."""

from __future__ import annotations

import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from omeroweb_ops.doctor import http, local_probe
from omeroweb_ops.doctor.http import Client
from omeroweb_ops.shared import certificate

NAME = "images.example.org"
_KEY = ec.generate_private_key(ec.SECP256R1())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/drop":
            self.connection.close()
            return
        place = {"/": "/page", "/circle": "/circle"}.get(self.path)
        self.send_response(302 if place else 200)
        if place:
            self.send_header("Location", place)
        self.send_header("Set-Cookie", "csrftoken=x; Path=/; SameSite=Lax; Secure")
        self.send_header("Set-Cookie", "sessionid=y; HttpOnly; Path=/omero")
        self.end_headers()
        self.wfile.write(f"page of {self.headers['Host']}".encode())

    def log_message(self, format: str, *_arguments: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    def handle_error(self, *_arguments: object) -> None:
        """Clients that do not trust a certificate hang up."""


@contextmanager
def serving(tls: Path | None = None) -> Iterator[int]:
    with Quiet(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def make(name: str, days: float, issuer: str | None = None) -> bytes:
    """A certificate by itself, or by an authority that has the same key."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer or name))
        .public_key(_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(_KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def examined(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str = NAME,
    days: float = 90.5,
    issuer: str | None = "Authority",
    known: bool = True,
) -> certificate.Certificate:
    key = _KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "server.pem").write_bytes(make(name, days, issuer) + key)
    (folder / "store.pem").write_bytes(make("Authority" if known else "Another", 1000))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "store.pem"))
    with serving(folder / "server.pem") as port:
        return certificate.examine("127.0.0.1", port, NAME)


def test_a_good_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(tmp_path, monkeypatch)
    assert found == certificate.Certificate(days=90, end=found.end, names=(NAME,))
    assert 90 <= ((found.end or 0) - time.time()) / 86400 < 91


def test_a_certificate_of_an_unknown_authority_still_tells_its_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = examined(tmp_path, monkeypatch, known=False)
    assert found.distrust
    assert not found.self_signed
    assert (found.days, found.for_name) == (90, True)


def test_a_self_signed_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(tmp_path, monkeypatch, issuer=None)
    assert found.self_signed
    assert (found.days, found.for_name, found.names) == (90, True, (NAME,))


@pytest.mark.parametrize("issuer", ["Authority", None])
def test_an_expired_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: str | None
) -> None:
    found = examined(tmp_path, monkeypatch, days=-1, issuer=issuer)
    assert (found.dates, found.days) == ("expired", None)


@pytest.mark.parametrize("issuer", ["Authority", None])
def test_a_certificate_for_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: str | None
) -> None:
    found = examined(tmp_path, monkeypatch, name="other.example.org", issuer=issuer)
    assert (found.for_name, found.names) == (False, ("other.example.org",))


def test_a_port_that_speaks_no_tls() -> None:
    with serving() as port:
        assert certificate.examine("127.0.0.1", port, NAME).problem


def test_another_address_is_asked_in_the_name_of_the_site() -> None:
    with serving() as port:
        answer = Client(NAME, "127.0.0.1").ask("GET", f"http://{NAME}:{port}/", follow=True)
    assert (answer.status, answer.text) == (200, f"page of {NAME}:{port}")
    assert answer.url == f"http://{NAME}:{port}/page"


def test_over_tls_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examined(tmp_path, monkeypatch)
    with serving(tmp_path / "server.pem") as port:
        answer = Client(NAME, "127.0.0.1").ask("GET", f"https://{NAME}:{port}/page")
    assert (answer.status, answer.text) == (200, f"page of {NAME}:{port}")


def test_cookies_with_their_flags() -> None:
    with serving() as port:
        answer = Client().ask("GET", f"http://127.0.0.1:{port}/page")
    assert answer.cookies == (
        http.Cookie("csrftoken", "/", secure=True, same_site="lax"),
        http.Cookie("sessionid", "/omero", http_only=True),
    )


@pytest.mark.parametrize(("path", "told"), [("circle", "in a loop"), ("drop", "does not answer")])
def test_what_is_no_answer_is_told_in_plain_words(path: str, told: str) -> None:
    with serving() as port:
        answer = Client().ask("GET", f"http://127.0.0.1:{port}/{path}", follow=True)
    assert answer.status == 0
    assert told in answer.problem


def test_a_closed_port_is_told_in_the_system_s_words() -> None:
    with serving() as port:
        pass
    answer = Client().ask("GET", f"http://127.0.0.1:{port}/")
    assert answer.problem == "does not answer: Connection refused"


def test_nobody_is_waited_for_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUEST_TIMEOUT", 0.2)
    with Quiet(("127.0.0.1", 0), Handler) as server:  # it listens, and nobody serves
        answer = Client().ask("GET", f"http://127.0.0.1:{server.server_port}/")
    assert answer.late
    assert answer.problem == "does not answer within 0.2 s"


@pytest.mark.parametrize(
    ("location", "told", "remedy"),
    [
        ("unix:///run/redis.sock?db=0", "Redis at /run/redis.sock does", "start redis-server"),
        ("redis://:hunter2@10.0.0.5:6379/0", "Redis at 10.0.0.5:6379/0 does", "redis_port"),
    ],
)
def test_a_redis_that_is_away_is_named_with_what_helps(
    monkeypatch: pytest.MonkeyPatch, location: str, told: str, remedy: str
) -> None:
    class RedisError(Exception):
        pass

    def from_url(*_place: object, **_options: object) -> None:
        raise RedisError from FileNotFoundError(2, "No such file or directory")

    library = SimpleNamespace(
        RedisError=RedisError,
        AuthenticationError=type("AuthenticationError", (RedisError,), {}),
        Redis=SimpleNamespace(from_url=from_url),
    )
    monkeypatch.setitem(sys.modules, "redis", library)
    problem, setting = local_probe._problem(location, {}) or ("", "")
    assert problem == f"{told} not answer: No such file or directory"
    assert remedy in setting
