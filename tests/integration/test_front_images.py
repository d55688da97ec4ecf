"""The images of NGINX and Redis, each by itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
import requests
from docker.models.containers import Container

from roles.host_paths import NGINX_SITE
from tests.integration.conftest import ContainerImage
from tests.integration.container_images import Target, commands, output
from tests.integration.hosts import PREFIX, Fleet, wait_until

PASSWORD = "hunter2 of Redis, as long as it must be"
PID_OF_REDIS = "dirname $(grep -lx redis-server /proc/[0-9]*/comm)"
# Another user than the image's, who may do nothing and writes to nothing but the volumes.
CONFINED = {
    "user": "998:0",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}
Start = Callable[..., Container]


@pytest.fixture
def start(
    engine: docker.DockerClient, fleet: Fleet, container_image: ContainerImage
) -> Iterator[Start]:
    containers: list[Container] = []

    def begin(target: Target, **options: Any) -> Container:
        image = container_image(target)
        containers.append(engine.containers.create(image, network=fleet.network.name, **options))
        containers[-1].start()
        return containers[-1]

    yield begin
    for container in containers:
        container.remove(force=True, v=True)
    for volume in engine.volumes.list(filters={"name": f"{PREFIX}-{os.getpid()}-redis"}):
        volume.remove()


def refusal(container: Container) -> list[str]:
    """The names of what a container that does not start complains of."""
    assert container.wait(timeout=60)["StatusCode"] == 1
    lines = container.logs().decode().splitlines()
    assert all(line.startswith("omeroweb-ops: ") for line in lines), lines
    return [line.split(": ")[1] for line in lines]


def test_every_wrong_variable_is_refused(start: Start) -> None:
    wrong = {"NGINX_TLS": "on", "NGINX_HTTP_PORT": "x", "NGINX_SERVERNAME": "a", "REDIS_X": "1"}
    assert sorted(refusal(start("nginx", environment=wrong))) == [
        *("NGINX_HTTP_PORT", "NGINX_SERVERNAME", "NGINX_TLS")
    ]
    wrong = {"REDIS_MAXMEMORY": "lots", "REDIS_PORTS": "1", "NGINX_TLS": "on"}
    assert sorted(refusal(start("redis", environment=wrong))) == [
        *("REDIS_MAXMEMORY", "REDIS_PASSWORD", "REDIS_PORTS")
    ]
    container = start("redis", environment={"REDIS_PASSWORD": "hunter2"})
    assert refusal(container) == ["REDIS_PASSWORD"]
    assert b"hunter2" not in container.logs()


@pytest.mark.parametrize("target", ["web", "nginx", "redis"])
@pytest.mark.parametrize("seconds", [0, 0.3, 1])  # Python starts, imports, has become the service
def test_it_stops_at_once_while_it_starts(start: Start, target: Target, seconds: float) -> None:
    container = start(target, environment={"REDIS_PASSWORD": PASSWORD} if target == "redis" else {})
    # The kernel ignores a signal before tini has its handlers; then tini has a child.
    wait_until(lambda: len(commands(container)) > 1, 30, "the child of tini", every=0.01)
    time.sleep(seconds)  # the time is what the test is about
    began = time.monotonic()
    container.stop(timeout=60)
    assert time.monotonic() - began < 20  # else the engine kills the container after 60
    container.reload()
    assert container.attrs["State"]["ExitCode"] != 137  # of a kill


def test_nginx_runs_confined_and_shows_the_maintenance_page(start: Start) -> None:
    environment = {
        "NGINX_TLS": "self-signed",
        "NGINX_SERVER_NAME": "omero.example.org",
        "NGINX_OMERO_WS": "wss://nginx-has-no-server.invalid",
        "CONFIG_omero_web_nginx__server__extra__config": '["add_header X-Site facility always;"]',
    }
    nginx = start("nginx", environment=environment, **CONFINED)
    wait_until(lambda: nginx.exec_run(["cat", NGINX_SITE]).exit_code == 0, 30, "the site")
    nginx.reload()
    (network,) = nginx.attrs["NetworkSettings"]["Networks"].values()
    session = requests.Session()
    session.trust_env, session.headers["Host"] = False, "omero.example.org"

    def page(path: str = "", **headers: str) -> requests.Response:
        url = f"https://{network['IPAddress']}:8443/{path}"
        return session.get(url, verify=False, timeout=30, headers=headers)

    def answers() -> bool:
        try:
            return page().status_code == 503
        except requests.ConnectionError:
            return False

    wait_until(answers, 30, "the maintenance page")
    assert "under maintenance or just starting up" in page().text
    assert page().headers["X-Site"] == "facility"
    assert page("omero-ws").status_code == 426  # not by a websocket
    assert page("omero-ws", Upgrade="websocket").status_code == 502  # as no such name exists
    told = output(nginx, "omeroweb-ops", "maintenance", "on", "--message", "New disks")
    assert "Planned maintenance is on." in told
    assert "New disks" in page().text
    output(nginx, "omeroweb-ops", "maintenance", "off")
    assert "New disks" not in page().text
    assert output(nginx, "id", "-u") == "998"
    assert any(each.startswith("nginx: master process") for each in commands(nginx))
    nginx.stop(timeout=5)
    nginx.reload()
    assert nginx.attrs["State"]["ExitCode"] == 0
    assert b'"GET / HTTP/1.1" 503' in nginx.logs()


def test_redis_keeps_its_data(start: Start) -> None:
    volume = f"{PREFIX}-{os.getpid()}-redis"
    volumes = {volume: {"bind": "/var/lib/redis"}}
    environment = {"REDIS_PASSWORD": PASSWORD}
    given = {"environment": environment, "volumes": volumes, **CONFINED}
    first = start("redis", **given)

    def ask(container: Container, *command: str) -> str:
        login = ["redis-cli", "--no-auth-warning", "--user", "omero-web", "--pass", PASSWORD]
        return output(container, *login, *command)

    def answers(container: Container) -> bool:
        return "NOAUTH" in output(container, "sh", "-c", "redis-cli ping 2>&1 || true")

    wait_until(lambda: answers(first), 30, "Redis")
    assert ask(first, "set", "key", "value") == "OK"
    assert "NOPERM" in ask(first, "config", "get", "*")
    first.stop(timeout=5)
    other = start("redis", **{**given, "user": "1000:0"})  # Redis' files are for their user alone
    assert refusal(other) == ["/var/lib/redis/appendonlydir"]
    assert b"run the container as uid 998" in other.logs()
    second = start("redis", **given, mem_limit="256m")
    wait_until(lambda: answers(second), 30, "Redis")
    assert ask(second, "get", "key") == "value"
    assert "maxmemory:67108864" in output(second, "omero-web-redis", "info", "memory")
    listed = commands(second)
    assert any("redis-server" in each for each in listed)
    assert not [each for each in listed if PASSWORD in each]
    assert PASSWORD not in output(second, "sh", "-c", f"cat $({PID_OF_REDIS})/environ")
    assert PASSWORD not in output(second, "sh", "-c", "cat /run/omero-web/redis/*")
    assert PASSWORD.encode() not in first.logs() + second.logs()
