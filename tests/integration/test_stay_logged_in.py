"""A user stays logged in while an administrator works, and hears it when OMERO.server is down."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from omeroweb_ops.gunicorn.omero_server_guard import DOWN_INTERVAL, UP_INTERVAL

from tests.integration.client import Client
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.omero_server import ADA, BOB, OmeroServer, client_login, omero_host
from tests.integration.site_checks import BASE
from tests.packages import wheel

WSS_PORT = 4065
DOWN = "Server is not responding, please contact administrator."


@pytest.fixture(scope="module")
def omero(make_session_host: MakeHost, deployed_image: str) -> Iterator[OmeroServer]:
    with omero_host(make_session_host, deployed_image, wss_port=WSS_PORT) as server:
        yield server


@pytest.fixture(scope="module")
def site(
    make_session_host: MakeHost, deployed_systemd_image: str, omero: OmeroServer
) -> Iterator[Host]:
    with make_session_host("systemd", name="web", image=deployed_systemd_image) as host:
        deploy_with(host, omero)
        yield host


@pytest.fixture(scope="module")
def user(site: Host) -> Client:
    """Logged in before anything happens, as one browser stays open all day."""
    return Client(f"http://{site.ip}", ADA)


def deploy_with(site: Host, omero: OmeroServer, **data: Any) -> None:
    config = {"omero.web.server_list": omero.server_list, **data.pop("web_config", {})}
    deploy(docker_inventory(site, web_config=config, **data))


def log_in(site: Host, scheme: str, port: int, password: str = ADA.password) -> list[str]:
    """The user's name as the session has it, and the kind of connection; or the error."""
    url = f"{scheme}://{site.ip}/omero-ws"
    done = site.run(
        client_login(url, port, ADA.name, password),
        user="nobody",
        env={"HOME": "/tmp"},
        check=False,
        timeout=60,
    )
    return done.stdout.split() or [done.stderr]


def release(site: Host) -> str:
    return Path(site.run(f"readlink {BASE}/venv3").stdout.strip()).name


def test_a_user_stays_in_whatever_the_administrator_does(
    site: Host, omero: OmeroServer, user: Client, tmp_path: Path
) -> None:
    assert user.is_in()
    cookie = user.session.cookies["sessionid"]

    deploy_with(site, omero, web_config={"omero.web.page_size": 77, "omero.web.wsgi_workers": 2})
    assert site.run("omero config get omero.web.page_size").stdout.strip() == "77"
    assert user.is_in()

    first = release(site)
    app = wheel(tmp_path, "small", {"small/__init__.py": "", "small/urls.py": "urlpatterns = []\n"})
    plugin = {"package": "small", "app": "small", "wheel": str(app)}
    deploy_with(site, omero, web_plugins=[plugin])
    assert release(site) != first
    assert user.is_in()

    site.run("omeroweb-ops release rollback", timeout=120)
    assert release(site) == first
    assert user.is_in()

    site.run("systemctl restart redis-server")
    site.wait_until(user.is_in, 30, "OMERO.web after a restart of Redis")

    site.reboot()
    site.wait_until(user.is_in, 60, "OMERO.web after a reboot")
    assert user.session.cookies["sessionid"] == cookie


def warnings(site: Host) -> tuple[dict[str, Any], list[str], list[str]]:
    """What ready, status and doctor say of OMERO.server."""
    ready = json.loads(site.run("curl -s localhost/ops/ready").stdout)["omero_server"]
    status = site.run("omeroweb-ops status --json", check=False)
    warned = [
        each["message"]
        for each in json.loads(status.stdout)["warnings"]
        if each["check"] == "OMERO.server"
    ]
    assert not warned or status.exit_code == 1
    checks = json.loads(site.run("omeroweb-ops doctor --json", check=False).stdout)["checks"]
    found = [each for each in checks if each["name"] == "OMERO.server"]
    return ready, warned, [each["message"] for each in found if each["status"] == "warning"]


@pytest.mark.parametrize("kind", ["ssl", "wss"])
def test_a_server_that_is_down_is_reported_and_comes_back(
    site: Host, omero: OmeroServer, kind: str
) -> None:
    server: list[Any] = omero.server_list[0]
    if kind == "wss":
        server = [f"wss://{omero.address}:{WSS_PORT}/omero-wss", 4064, "omero"]
    deploy_with(site, omero, web_config={"omero.web.server_list": [server]})
    user = Client(f"http://{site.ip}", BOB)
    ready, status, doctor = warnings(site)
    assert (ready["reached"], status, doctor) == (True, [], [])

    omero.stop()
    time.sleep(UP_INTERVAL)  # for as long a worker believes what it has found before
    away = user.get("/webclient/")
    assert away.status_code == 503, away.text[:500]
    assert "Traceback" not in away.text
    with pytest.raises(AssertionError, match=DOWN):
        Client(f"http://{site.ip}", ADA)
    ready, status, doctor = warnings(site)
    assert ready["reached"] is False
    place = f"{server[0]}:{server[1]}"
    port = WSS_PORT if kind == "wss" else 4064
    assert f"{place} (Connection refused)" in status[0]
    assert f"open TCP port {port} of {omero.address} to this host" in status[0]
    assert place in doctor[0]

    omero.start()
    site.wait_until(lambda: warnings(site) == (ready | {"reached": True, "servers": {place: "ok"}},
                                               [], []), 30, "the server")  # fmt: skip
    time.sleep(DOWN_INTERVAL)
    forgotten = requests.get(
        f"http://{site.ip}/webclient/", cookies=user.session.cookies, timeout=60
    )
    assert forgotten.status_code == 200
    assert "/webclient/login/?url=" in forgotten.url  # not a stack trace
    assert Client(f"http://{site.ip}", ADA).is_in()


def test_omero_s_clients_log_in_by_nginx(site: Host, omero: OmeroServer) -> None:
    websocket = f"wss://{omero.address}:{WSS_PORT}"
    refused = deploy(docker_inventory(site, nginx_omero_ws="wss://omero.invalid"), expect=1)
    assert "nginx_omero_ws: omero.invalid cannot be resolved" in refused.output
    deploy_with(site, omero, nginx_omero_ws=websocket)
    assert log_in(site, "ws", 80) == [ADA.name, "ws"]
    assert "PermissionDenied" in log_in(site, "ws", 80, "wrong")[0]
    assert site.http("/omero-ws").status_code == 426
    deploy_with(
        site, omero, nginx_omero_ws=websocket, nginx_tls="self-signed",
        web_config={"omero.web.prefix": "/omero"},
    )  # fmt: skip
    assert log_in(site, "wss", 443) == [ADA.name, "wss"]
    assert '"GET /omero-ws HTTP/1.1" 101' in site.read("/var/log/nginx/omero-web.access.log")
    omero.stop()
    assert (
        site.http("/omero-ws", scheme="https", headers={"Upgrade": "websocket"}).status_code == 502
    )
    omero.start()
