"""containers/stack.yaml on two nodes of Docker Swarm; one user stays logged in through all tests.

The tests run in their order. ipvs, which Swarm's virtual IP addresses need, is not used.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from tests.integration.client import Client
from tests.integration.conftest import ContainerImage
from tests.integration.container_images import NAMES, commands, output
from tests.integration.hosts import wait_until
from tests.integration.images import ROOT
from tests.integration.omero_server import User
from tests.integration.swarm import Node, two_nodes
from tests.integration.visitors import RATE, assert_nobody_noticed, visitors

STACK = "omero"
DEMO = User("demo", "demo", "Demo User")
LOGIN = "/webclient/login/"
STAND_IN = "tests/omero_stand_in"
LIMIT = 120  # seconds


class Site:
    """The stack, as an administrator deploys it on the manager."""

    def __init__(self, nodes: list[Node], folder: Path) -> None:
        self.manager, self.worker = nodes
        self.folder = folder
        self.url = f"http://{self.manager.address}"
        self.engines = [docker.DockerClient(each.socket) for each in nodes]

    def deploy(self, *lines: str, tag: str = "latest") -> None:
        environment = self.folder / "site.env"
        environment.write_text("\n".join(["OMEROHOST=demo-server", *lines, ""]))
        done = subprocess.run(
            [ROOT / "containers/deploy-stack", STACK],
            env={
                **os.environ,
                "DOCKER_HOST": self.manager.socket,
                "ENV_FILE": str(environment),
                "IMAGE_TAG": tag,
                "WEB_START_PERIOD": "10s",  # of an image that never gets healthy
            },
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    def build(self, tag: str, line: str) -> None:
        """Build an image of OMERO.web with one more line on each node."""
        for node in (self.manager, self.worker):
            folder = node.folder / tag
            folder.mkdir()
            (folder / "Dockerfile").write_text(f"FROM omero-web:latest\n{line}\n")
            image = f"omero-web:{tag}"
            node.run("build", "-q", "-t", image, str(folder), DOCKER_BUILDKIT="0")

    def change_image(self, tag: str) -> None:
        update = ("service", "update", "--detach", "--no-resolve-image")
        self.manager.run(*update, "--image", f"omero-web:{tag}", f"{STACK}_web")

    def versions(self) -> list[str]:
        return [each.labels.get("version", "") for each in self.containers()]

    def update(self) -> str:
        """Return the state of web's last update, "" without one."""
        text = self.manager.run(
            "service", "inspect", f"{STACK}_web", "--format", "{{json .UpdateStatus}}"
        )
        return str((json.loads(text) or {}).get("State", ""))

    def wait_update(self, state: str) -> float:
        began = time.monotonic()
        wait_until(lambda: self.update() == state, LIMIT, f"update {state}")
        return time.monotonic() - began

    def containers(self, service: str = "web") -> list[Container]:
        name = f"com.docker.swarm.service.name={STACK}_{service}"
        return [
            each
            for engine in self.engines
            for each in engine.containers.list(filters={"label": name})
        ]

    def is_whole(self) -> bool:
        """Return whether each container of OMERO.web is healthy, one on each node."""
        health = [each.attrs["State"]["Health"]["Status"] for each in self.containers()]
        return health == ["healthy", "healthy"]


@pytest.fixture(scope="module")
def site(
    container_image: ContainerImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    images = {name: container_image(target) for target, name in NAMES.items()}
    folder = tmp_path_factory.mktemp("swarm")
    folder.chmod(0o755)
    shutil.copytree(ROOT / STAND_IN, folder / STAND_IN)
    with two_nodes(list(images.values())) as nodes:
        manager, worker = nodes
        # an address pool that is no part of the nodes' networks
        manager.run(
            "swarm",
            "init",
            "--advertise-addr",
            manager.peer,
            "--default-addr-pool",
            "10.199.0.0/16",
        )
        token = manager.run("swarm", "join-token", "-q", "worker")
        worker.run("swarm", "join", "--advertise-addr", worker.peer, "--token", token, manager.peer)
        for node in nodes:
            manager.run("node", "update", "--label-add", "omero-nginx=true", node.name)
            for name, image in images.items():
                node.run("tag", image, f"{name}:latest")
        manager.run("node", "update", "--label-add", "omero-redis=true", manager.name)
        for name in ("CONFIG_omero_web_secret__key", "REDIS_PASSWORD"):
            key = folder / name
            key.write_text(secrets.token_hex(32))
            manager.run("secret", "create", name, str(key))
        site = Site(nodes, folder)
        site.deploy()
        manager.run(
            *(
                "service",
                "create",
                "--detach",
                "--name",
                "demo-server",
                "--network",
                f"{STACK}_site",
            ),
            *("--endpoint-mode", "dnsrr", "--no-resolve-image", "--no-healthcheck", "--constraint"),
            *(f"node.hostname=={manager.name}", "--env", "PYTHONPATH=/srv/demo"),
            *(
                "--mount",
                f"type=bind,source={folder},target=/srv/demo,readonly",
                "omero-web:latest",
            ),
            *("/opt/omero/web/venv3/bin/python", "-m", "tests.omero_stand_in"),
            *("--user", "demo:demo:demo:Demo User"),
        )
        wait_until(site.is_whole, LIMIT, "two healthy containers")
        yield site


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    """A user who is logged in from the first test to the last."""
    return wait_until(lambda: Client(site.url, DEMO), 30, "a login")


def test_web_is_on_both_nodes_and_a_user_logs_in_through_either(site: Site, client: Client) -> None:
    assert client.is_in()
    other = wait_until(lambda: Client(f"http://{site.worker.address}", DEMO), 30, "the other NGINX")
    assert other.is_in()

    def all_have_served() -> bool:
        assert client.is_in()
        return all(b"/webclient/" in each.logs() for each in site.containers())

    wait_until(all_have_served, 20, "requests to each container")


def test_no_secret_is_in_a_description_or_log(site: Site, client: Client) -> None:
    keys = [
        (site.folder / name).read_text()
        for name in ("CONFIG_omero_web_secret__key", "REDIS_PASSWORD")
    ]
    every = [*site.containers(), *site.containers("nginx"), *site.containers("redis")]
    assert len(every) == 5
    shown = [f"{each.attrs} {each.logs()!r} {commands(each)}" for each in every]
    assert not [key for key in keys for text in shown if key in text]
    for each in every:
        assert output(each, "id", "-u") == "1000"
        assert each.exec_run(["touch", "/etc/omero-web-test"]).exit_code != 0


def test_nobody_notices_a_configuration_and_an_image(site: Site, client: Client) -> None:
    old = {each.id for each in site.containers()}
    others = {each.id for name in ("nginx", "redis") for each in site.containers(name)}
    site.build("next", "LABEL version=next")
    with visitors(site.url + LOGIN) as answers:
        site.deploy("CONFIG_omero_web_page__size=77")
        seconds = site.wait_update("completed")
        site.change_image("next")
        wait_until(lambda: site.versions() == ["next", "next"], LIMIT, "the image")
        site.wait_update("completed")
    print(f"a roll-out of two containers: {seconds:.0f} s")
    assert_nobody_noticed(answers)
    assert not old & {each.id for each in site.containers()}
    # what OMERO.web alone reads replaces neither NGINX nor Redis
    assert others == {each.id for name in ("nginx", "redis") for each in site.containers(name)}
    for each in site.containers():
        assert output(each, "omero", "config", "get", "omero.web.page_size") == "77"
    assert client.is_in()


def test_nobody_notices_an_image_that_never_gets_healthy(site: Site, client: Client) -> None:
    site.build("bad", 'CMD ["sleep", "1000"]')
    good = {each.id for each in site.containers()}
    with visitors(site.url + LOGIN) as answers:
        site.change_image("bad")
        seconds = site.wait_update("rollback_completed")
    print(f"back after {seconds:.0f} s")
    assert_nobody_noticed(answers)
    wait_until(lambda: good == {each.id for each in site.containers()}, 30, "the old containers")
    assert client.is_in()


def test_nobody_notices_the_end_of_a_container(site: Site, client: Client) -> None:
    with visitors(site.url + LOGIN) as answers:
        time.sleep(1)  # visitors are on the way
        site.containers()[0].kill()
        assert client.is_in()
    assert_nobody_noticed(answers)
    wait_until(site.is_whole, LIMIT, "two healthy containers")


def test_the_replacement_of_nginx_interrupts_only_its_node(site: Site, client: Client) -> None:
    with (
        visitors(site.url + LOGIN) as answers,
        visitors(f"http://{site.worker.address}{LOGIN}") as others,
    ):
        site.containers("nginx")[0].kill()
        wait_until(lambda: client.is_in(), 30, "NGINX of the node")
    print(f"{len(answers.failed) / RATE:.1f} s without NGINX on its node")
    assert_nobody_noticed(others)
    assert answers.good > RATE
