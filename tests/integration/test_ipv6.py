"""A site whose hosts have no IPv4 between them, and an image on a network without IPv4."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import docker
import pytest
import requests
import yaml
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from tests.integration.conftest import ContainerImage, MakeHost
from tests.integration.container_images import Target, output
from tests.integration.hosts import (
    PREFIX,
    Deployment,
    Fleet,
    Host,
    HostEntry,
    deploy,
    docker_entry,
    inventory,
    wait_until,
)
from tests.integration.site_checks import django, master

SECRETS = {"redis_password": "a password of many letters"}
LOGIN = "/webclient/login/"
# SIOCSIFADDR with 0.0.0.0 removes an interface's IPv4 address (netdevice(7)).
NO_IPV4 = """
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    address = struct.pack("16sH2s4s8x", b"eth0", socket.AF_INET, b"", bytes(4))
    fcntl.ioctl(one, 0x8916, address)
"""
READY = """exec 3<>/dev/tcp/::1/4080; printf 'GET /ops/ready HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"""


@pytest.fixture(scope="module")
def network(engine: docker.DockerClient, fleet: Fleet) -> Network:
    """A network with IPv6 addresses; removed with the hosts of this process."""
    pool = IPAMPool(subnet=f"fd00:17:{os.getpid() % 0xFFFF:x}::/64")
    return engine.networks.create(
        f"{PREFIX}-{os.getpid()}-ipv6",
        driver="bridge",
        enable_ipv6=True,
        ipam=IPAMConfig(pool_configs=[pool]),
    )


def address(container: Container) -> str:
    container.reload()
    (joined,) = container.attrs["NetworkSettings"]["Networks"].values()
    return str(joined["GlobalIPv6Address"])


def get(host: str, path: str, port: int = 443, scheme: str = "https") -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        url = f"{scheme}://[{host}]:{port}{path}"
        return session.get(url, timeout=30, verify=False, allow_redirects=False)


def test_hosts_without_ipv4_serve_a_site(
    make_host: MakeHost, deployed_systemd_image: str, network: Network, tmp_path: Path
) -> None:
    web, front = (
        make_host("systemd", image=deployed_systemd_image, network=network, name=name)
        for name in ("web6", "front6")
    )
    for host in (web, front):
        host.run(["python3", "-c", NO_IPV4])
        assert "eth0" not in host.run("cat /proc/net/route").stdout
    web_address, front_address = address(web.container), address(front.container)
    secrets = tmp_path / "secrets.yml"
    secrets.write_text(yaml.safe_dump(SECRETS))
    secrets.chmod(0o600)
    entries: dict[Host, HostEntry] = {
        web: (docker_entry(web), {"address": web_address}),
        front: (docker_entry(front), {"address": front_address}),
    }

    def run(**data: object) -> Deployment:
        return deploy(
            inventory(
                {"redis": [entries[front]], "web": [entries[web]], "nginx": [entries[front]]},
                redis_bind=f"::1 {front_address}",
                web_secrets=str(secrets),
                nginx_tls="self-signed",
                nginx_metrics_allow=["::1", web_address],
                **data,
            )
        )

    assert f"OMERO.web is at https://[{front_address}]/" in run().output
    page = get(front_address, LOGIN)
    assert page.status_code == 200
    (name, *_) = re.findall(r'(?:href|src)="([^"]+\.css)', page.text)
    assert get(front_address, name).status_code == 200
    assert django(web, "from django.conf import settings\nprint(settings.CACHES)").count("[fd00:")
    clients = front.run("omero-web-redis client list").stdout
    assert f"addr=[{web_address}]:" in clients
    doctor = json.loads(web.run("omeroweb-ops doctor --json", check=False).stdout)["checks"]
    worries = {each["name"] for each in doctor if each["status"] != "ok"}
    assert worries <= {"OMERO.server", "certificate"}, doctor
    assert front.run("curl -sk https://[::1]/ops/ready").stdout.startswith("{")
    assert "403" in front.run(f"curl -sk https://[{front_address}]/ops/ready").stdout
    config = {"omero.web.page_size": 77, "omero.web.application_server.host": web_address}
    before = master(web)
    run(web_config=config)  # bound beside ::, which the predecessor has
    assert master(web) != before
    assert get(front_address, LOGIN).status_code == 200
    assert run(web_config=config).changed_operations == ()


def test_images_serve_on_a_network_without_ipv4(
    engine: docker.DockerClient, container_image: ContainerImage, network: Network
) -> None:
    password = SECRETS["redis_password"]
    web = {"WEB_REDIS_URL": "redis://redis6:6379", "REDIS_USER": "omero-web"}
    environments: dict[Target, dict[str, str]] = {
        "redis": {"REDIS_PASSWORD": password},
        "web": {**web, "REDIS_PASSWORD": password},
        "nginx": {"NGINX_UPSTREAM": "web6"},
    }
    made = []
    try:
        for target, environment in environments.items():
            endpoint = engine.api.create_endpoint_config(aliases=[f"{target}6"])
            container = engine.containers.create(
                container_image(target),
                name=f"{PREFIX}-{os.getpid()}-{target}6",
                environment=environment,
                cap_add=["NET_ADMIN"],  # for the test's own command alone
                network=network.name,
                networking_config={str(network.name): endpoint},
            )
            made.append(container)
            container.start()
            python = "/opt/omero/web/venv3" if target == "web" else "/opt/omero/venv"
            without = [f"{python}/bin/python", "-c", NO_IPV4]
            done = container.exec_run(without, user="root")
            assert done.exit_code == 0, done.output
            assert b"eth0" not in container.exec_run(["cat", "/proc/net/route"]).output
        at = address(made[-1])

        def serves() -> bool:
            return get(at, LOGIN, 8080, "http").status_code == 200

        wait_until(serves, 60, "the login page")
        (name, *_) = re.findall(r'(?:href|src)="([^"]+\.css)', get(at, LOGIN, 8080, "http").text)
        assert get(at, name, 8080, "http").status_code == 200
        assert '"session_store": "ok"' in output(made[1], "bash", "-c", READY)
    finally:
        for container in made:
            container.remove(force=True, v=True)
