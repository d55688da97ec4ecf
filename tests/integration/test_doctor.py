"""`omeroweb-ops doctor` on a real site, well and broken by hand in one way after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Completed, Host, deploy, docker_inventory

NAME = "images.example.org"
VIEWER = "https://viewer.example.org"
SITE = "/etc/nginx/conf.d/omero-web.conf"
TLS = "/etc/nginx/omero-web"
CORS = {
    "omero.web.apps": ["corsheaders"],
    "omero.web.middleware": [{"index": 0.5, "class": "corsheaders.middleware.CorsMiddleware"}],
}
RELOAD = "nginx -t -q && nginx -s reload"
KEPT = f"cp -a {SITE} /root/site.conf"
RESTORED = f"cp -a /root/site.conf {SITE} && {RELOAD}"


class Break(NamedTuple):
    """What is done to the site by hand, what undoes it, and the findings that must come of it:
    each with its check, its status and (a part of) its setting."""

    command: str
    repair: str
    findings: tuple[tuple[str, str, str], ...]


def nginx(edit: str, check: str, setting: str, status: str = "error") -> Break:
    """A site file that someone has edited with sed."""
    edited = f"{KEPT} && sed -i -E '{edit}' {SITE} && {RELOAD}"
    return Break(edited, RESTORED, ((check, status, setting),))


def configured(properties: dict[str, str], *findings: tuple[str, str, str]) -> Break:
    """Properties that someone has set by hand. Back to the inventory's, or to the defaults."""
    by_hand = [f"omero config set {name} -- '{value}'" for name, value in properties.items()]
    unset = [f"omero config set {name}" for name in properties]
    restart = "omero web restart"
    return Break(
        " && ".join([*by_hand, restart]),
        " && ".join([*unset, "omeroweb-ops config apply", restart]),
        findings,
    )


OVER_TLS = {
    "gunicorn is stopped": Break(
        "omero web stop",
        "omero web start",
        (("service", "error", "omero.web.application_server.port"),),
    ),
    "NGINX sends to another port": nginx(
        "s/server unix:[^ ]*/server 127.0.0.1:4099/",
        "login page",
        "omero.web.application_server.port",
    ),
    "X-Forwarded-Proto says http": nginx(
        "s/(X-Forwarded-Proto) .*;/\\1 http;/", "address", "nginx_behind_proxy"
    ),
    "Host is not passed on": nginx(
        "s/(set_header Host) .*;/\\1 inner;/", "address", "nginx_behind"
    ),
    "static files are elsewhere": nginx(
        "s#(alias|root) /opt/omero/web[^;]*;#\\1 /nowhere/;#",
        "static files",
        "omero.web.static_url",
    ),
    "NGINX has another prefix": nginx(
        "s#location / \\{#location /elsewhere/ {#", "login page", "omero.web.prefix"
    ),
    "http does not lead to https": nginx(
        "s#return 301 https.*;#return 404;#", "redirect", "nginx_tls", "warning"
    ),
    "planned maintenance": nginx(
        "s#proxy_pass .*;#return 503;#; s#Retry-After [^ ]+#Retry-After 600#",
        "maintenance",
        "",
        "warning",
    ),
    "Redis is stopped": Break(
        "supervisorctl stop redis-server",
        "supervisorctl start redis-server",
        (("sessions", "error", "start redis-server"),),
    ),
    "no word of https": nginx(
        "s/(set_header X-Forwarded-Proto) .*;/\\1 http;/", "address", "nginx_behind"
    ),
    # several at once: each restart takes its time
    "debug mode, and an origin is missing": configured(
        {"omero.web.debug": "true", "omero.web.cors_origin_whitelist": "[]"},
        ("debug mode", "warning", "omero.web.debug"),
        ("cors", "error", "web_cors_origins"),
    ),
    "the name is not allowed": configured(
        {"omero.web.allowed_hosts": '["other.example.org"]'},
        ("allowed hosts", "error", "omero.web.allowed_hosts"),
        ("login page", "error", "omero.web.allowed_hosts"),
    ),
}
OVER_HTTP = configured(
    {"omero.web.session_cookie_secure": "true", "omero.web.csrf_cookie_secure": "true"},
    ("cookies", "error", "omero.web.session_cookie_secure"),
    ("cookies", "error", "omero.web.csrf_cookie_secure"),
    ("login", "error", "omero.web.csrf_cookie_secure"),
)


def settings(tls: str) -> dict[str, Any]:
    return {
        "nginx_server_name": NAME,
        "nginx_tls": tls,
        "web_config": {"omero.web.cors_origin_whitelist": [VIEWER]},
        "web_config_append": CORS,
    }


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    with make_session_host("plain", image=deployed_image) as host:
        host.run(f"echo 127.0.0.1 {NAME} >> /etc/hosts")
        yield host


@pytest.fixture(scope="module")
def over_tls(host: Host) -> Host:
    deploy(docker_inventory(host, **settings("self-signed")))
    return host


@pytest.fixture(scope="module")
def over_http(over_tls: Host) -> Host:
    """The same host; the tests over TLS are done by then."""
    deploy(docker_inventory(over_tls, **settings("off")))
    return over_tls


def doctor(host: Host, arguments: str = "") -> tuple[int, dict[str, Any]]:
    done = host.run(f"omeroweb-ops doctor --json {arguments}", check=False)
    return done.exit_code, json.loads(done.stdout)


def assert_well(host: Host, arguments: str = "") -> None:
    """Nothing but the OMERO.server, which the test hosts do not have."""
    status, report = doctor(host, arguments)
    bad = [each for each in report["checks"] if each["status"] in ("warning", "error")]
    assert [each["name"] for each in bad] == ["OMERO.server"], bad
    assert bad[0]["setting"] == "omero.web.server_list"
    assert (status, report["status"]) == (0, "warning")


def assert_found(host: Host, broken: Break) -> None:
    try:
        host.run(broken.command)
        status, report = doctor(host)
        for check, grade, setting in broken.findings:
            assert any(
                (each["name"], each["status"]) == (check, grade) and setting in each["setting"]
                for each in report["checks"]
            ), (check, report)
        assert status == (1 if "error" in [grade for _, grade, _ in broken.findings] else 0)
    finally:
        host.run(broken.repair)
    assert_well(host)


def test_a_site_with_tls_is_well(over_tls: Host) -> None:
    assert_well(over_tls)
    assert_well(over_tls, "--connect 127.0.0.1")
    _status, report = doctor(over_tls)
    checks = {each["name"]: each for each in report["checks"]}
    assert report["url"] == f"https://{NAME}/"
    assert checks["certificate"]["status"] == "info"
    assert "Server is not responding" in checks["login"]["message"]
    table = over_tls.run("omeroweb-ops doctor").stdout
    assert "1 warning." in table
    assert all(name in table for name in checks)


def test_it_changes_nothing_and_knows_no_secret(over_tls: Host) -> None:
    before = over_tls.run("omero config get").stdout
    doctor(over_tls)
    assert over_tls.run("omero config get").stdout == before
    state = over_tls.run("stat -c '%a %U' /opt/omero/web/state/site.json").stdout
    assert state.split() == ["644", "root"]
    assert deploy(docker_inventory(over_tls, **settings("self-signed"))).changed_operations == ()


@pytest.mark.parametrize("broken", OVER_TLS.values(), ids=OVER_TLS)
def test_what_is_broken_over_tls_is_found(over_tls: Host, broken: Break) -> None:
    assert_found(over_tls, broken)


@pytest.mark.parametrize(
    ("name", "days", "status", "told"),
    [
        (NAME, -1, "error", "expired"),
        ("other.example.org", 90, "error", "other.example.org, not for"),
        (NAME, 10, "warning", "renew it"),
    ],
    ids=["expired", "for another name", "ends soon"],
)
def test_a_wrong_certificate_is_found(
    over_tls: Host, name: str, days: int, status: str, told: str
) -> None:
    put = {f"{TLS}/{kind}.pem": text for kind, text in certificate(name, days).items()}
    over_tls.run(f"cp -a {TLS} /root/tls")
    try:
        for path, text in put.items():
            over_tls.write(path, text)
        over_tls.run(RELOAD)
        over_tls.wait_until(lambda: told in str(doctor(over_tls)), 60, f"{told} is found")
        code, report = doctor(over_tls)
        found = [each for each in report["checks"] if told in each["message"]]
        assert [(each["status"], each["setting"]) for each in found] == [(status, "nginx_tls")]
        assert code == (1 if status == "error" else 0)
    finally:
        over_tls.run(f"cp -a /root/tls/. {TLS} && rm -r /root/tls && {RELOAD}")
    over_tls.wait_until(lambda: told not in str(doctor(over_tls)), 60, "the old one is back")
    assert_well(over_tls)


def certificate(name: str, days: int) -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return {
        "certificate": made.public_bytes(pem).decode(),
        "key": key.private_bytes(pem, *private).decode(),
    }


def test_a_name_that_leads_nowhere_is_found(over_tls: Host) -> None:
    status, report = doctor(over_tls, "--url https://nowhere.invalid/")
    (name,) = [each for each in report["checks"] if each["name"] == "name"]
    assert (status, name["status"], name["setting"]) == (1, "error", "nginx_server_name")
    status, report = doctor(over_tls, f"--url https://{NAME}:4443/")
    (name,) = [each for each in report["checks"] if each["name"] == "name"]
    assert (status, name["status"]) == (1, "error")
    assert "nginx_https_port" in name["setting"]


def test_without_an_answer_to_give_it_ends_with_2(over_tls: Host) -> None:
    def refused(arguments: str = "", **more: Any) -> Completed:
        return over_tls.run(f"omeroweb-ops doctor {arguments}", check=False, **more)

    assert refused("--url images.example.org").exit_code == 2
    over_tls.run("mv /opt/omero/web/state/site.json /root")
    try:
        unknown = refused()
    finally:
        over_tls.run("mv /root/site.json /opt/omero/web/state")
    assert unknown.exit_code == 2
    assert "--url" in unknown.stderr


def test_a_deploy_that_ends_without_the_login_page_says_why(over_tls: Host) -> None:
    """Each setting right by itself: only the visit at the end can tell."""
    wrong = settings("self-signed")
    wrong["web_config"] |= {"omero.web.allowed_hosts": ["other.example.org"]}
    run = deploy(docker_inventory(over_tls, **wrong), expect=1)
    assert f"allowed hosts: {NAME} is not an allowed host" in run.output
    assert "see omero.web.allowed_hosts" in run.output


def test_a_site_without_tls_is_well(over_http: Host) -> None:
    assert_well(over_http)
    assert doctor(over_http)[1]["url"] == f"http://{NAME}/"


def test_cookies_that_browsers_drop_over_http_are_found(over_http: Host) -> None:
    assert_found(over_http, OVER_HTTP)
