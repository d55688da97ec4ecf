"""What the tests of the front door need: a plug-in, logins, certificates, a proxy in front."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

import requests
from cryptography import x509

from tests.certificates import Issued, authority, issue
from tests.integration import viewer
from tests.integration.hosts import Host
from tests.integration.site_checks import BASE, django

NAME = "omero.example.org"
AUTHORITY = authority()
ACCESS_LOG = "/var/log/nginx/omero-web.access.log"
RENEWED = "/usr/local/sbin/omero-web-certificate"
LIVE = f"/etc/letsencrypt/live/{NAME}"
# A plug-in with a large answer, which also takes uploads, and OMERO.web's viewer with an image:
# nothing of the kind is to be had without an OMERO.server.
LARGE = 2_000_000  # bytes
PLUGIN = {
    "__init__.py": "",
    "urls.py": "from django.urls import path\nfrom . import views\n"
    f"urlpatterns = [path('large', views.large), path('form', views.form), {viewer.URLS}]\n",
    "views.py": f"{viewer.VIEWS}\n"
    "from django.views.decorators.csrf import csrf_exempt\n"
    f"def large(request):\n    return HttpResponse(b'x' * {LARGE}, 'application/octet-stream')\n"
    "@csrf_exempt\ndef form(request):\n"
    "    return HttpResponse(str(sum(len(part) for part in request)))\n",
}
PLUGGED: dict[str, Any] = {"web_config_append": {"omero.web.apps": ["large"]}}
# Another NGINX of the same host, in front: it ends TLS and knows its visitors.
OUTER = f"""
events {{}}
pid /run/outer.pid;
error_log /var/log/outer.log;
http {{
    access_log off;
    server {{
        listen PORT ssl;
        ssl_certificate /srv/outer.pem;
        ssl_certificate_key /srv/outer.key;
        location / {{
            proxy_pass http://127.0.0.1:80;
            proxy_set_header Host inner.example;
            proxy_set_header X-Forwarded-Host {NAME};
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Request-ID from-the-outer-proxy;
        }}
    }}
}}
"""


def install_plugin(host: Host) -> None:
    """Into the release that serves."""
    (packages,) = host.run(f"echo {BASE}/venv3/lib/python3*/site-packages").stdout.split()
    for name, text in PLUGIN.items():
        host.write(f"{packages}/large/{name}", text)


def start_outer_proxy(host: Host, outer: Issued, port: int) -> None:
    """With a certificate of its own."""
    host.write("/srv/outer.pem", outer.pem)
    host.write("/srv/outer.key", outer.key_pem)
    host.write("/srv/outer.conf", OUTER.replace("PORT", str(port)))
    host.run("[ -s /run/outer.pid ] || nginx -c /srv/outer.conf")


def log_in(
    host: Host, scheme: str = "http", prefix: str = "", port: int | None = None
) -> requests.Response:
    """What a browser at NAME sends: the form's token and cookie, Origin and Referer."""
    path = f"{prefix}/webclient/login/"
    url = f"{scheme}://{host.ip}{f':{port}' if port else ''}{path}"
    with requests.Session() as session:
        session.trust_env = False
        session.verify = False
        session.headers["Host"] = NAME
        page = session.get(url, timeout=60)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text[:2000]
        form = {"username": "ada", "password": "wrong", "server": "1", "url": ""}
        return session.post(
            url,
            data={**form, "csrfmiddlewaretoken": token[1]},
            headers={"Origin": f"{scheme}://{NAME}", "Referer": f"{scheme}://{NAME}{path}"},
            timeout=120,
            allow_redirects=False,
        )


def store_session(host: Host, *, user: int | None = 7, public: bool = False) -> str:
    """The Cookie header of a session as OMERO.web stores it after a login.

    user: of OMERO; None where the login failed.
    """
    return store_sessions(host, 1, user=user, public=public)[0]


def store_sessions(
    host: Host, count: int, *, user: int | None = 7, public: bool = False
) -> list[str]:
    """The same for several."""
    login = {"server_id": 1, "is_secure": True, "is_public": public, "user_id": user}
    keys = django(
        host,
        "from importlib import import_module\nfrom django.conf import settings\n"
        f"for _ in range({count}):\n"
        "    session = import_module(settings.SESSION_ENGINE).SessionStore()\n"
        f"    session['connector'] = {login}\n    session.save()\n    print(session.session_key)",
    )
    return [f"sessionid={key}" for key in keys.split()]


def valid_sessions(host: Host, cookies: list[str]) -> int:
    """How many of them OMERO.web takes for a logged-in user's."""
    ask = "curl -s -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:4080/ops/session -b"
    answers = host.run(
        f'while read -r cookie; do {ask} "$cookie"; done', stdin="\n".join([*cookies, ""]).encode()
    )
    return answers.stdout.split().count("204")


def pids(host: Host) -> dict[int, str]:
    """The processes of OMERO.web, NGINX and Redis."""
    return {each.pid: each.cmdline for each in host.processes("gunicorn|nginx: |redis-server")}


def count_sessions(host: Host) -> int:
    """How many are in the store."""
    store = "from django.core.cache import caches\nstore = caches['sessions'].client.get_client()"
    return int(django(host, f"{store}\nprint(store.dbsize())"))


def assert_answers_logins(answer: requests.Response) -> None:
    """By OMERO.web's own words (no OMERO.server is there), not by a check of Django's."""
    assert answer.status_code == 200, answer.text[:2000]
    assert "Server is not responding" in answer.text
    assert "CSRF" not in answer.text


def served(host: Host) -> x509.Certificate:
    """The certificate that a visitor gets now."""
    pem = ssl.get_server_certificate((host.ip, 443), timeout=30)
    return x509.load_pem_x509_certificate(pem.encode())


def wait_for_certificate(host: Host, issued: Issued) -> None:
    """Longer than the minute after which cron looks."""
    host.wait_until(
        lambda: served(host).serial_number == issued.certificate.serial_number,
        150,
        "the renewed certificate",
    )


def files(folder: Path, one: Issued, key: str | None = None) -> dict[str, str]:
    """The certificate and its key beside the inventory."""
    (folder / "site.pem").write_text(one.chain)
    (folder / "site.key").write_text(key or one.key_pem)
    return {"certificate": str(folder / "site.pem"), "key": str(folder / "site.key")}


def renew(host: Host, number: int, key: str | None = None) -> Issued:
    """As certbot does it: new files in its archive, then the links below live."""
    one = issue(NAME, issuer=AUTHORITY)
    archive = LIVE.replace("live", "archive")
    host.write(f"{archive}/fullchain{number}.pem", one.chain)
    host.write(f"{archive}/privkey{number}.pem", key or one.key_pem, "0600")
    host.run(
        f"mkdir -p {LIVE} && chmod 700 /etc/letsencrypt/live && cd {LIVE} && "
        f"ln -sfT {archive}/privkey{number}.pem privkey.pem && "
        f"ln -sfT {archive}/fullchain{number}.pem fullchain.pem"
    )
    return one


def asked(host: Host, since: int = 0) -> list[tuple[str, int]]:
    """Path and bytes (of the body, as sent) of each line in NGINX's log after `since` of them."""
    line = re.compile(r'"\S+ (.*?) HTTP/\S+" \d+ (\d+) ')
    lines = host.read(ACCESS_LOG).splitlines()[since:]
    return [(found[1], int(found[2])) for each in lines for found in [line.search(each)] if found]


def log_length(host: Host) -> int:
    return len(host.read(ACCESS_LOG).splitlines())
