"""compose.yaml as an administrator uses it, in a copy of the project, with Compose v2.

One project serves all tests of the module, in their order; a user stays logged in through all.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest
import requests
import yaml
from docker.models.containers import Container

from tests.integration.client import Client
from tests.integration.compose_tools import compose_v1, compose_v2
from tests.integration.conftest import ContainerImage
from tests.integration.container_images import (
    NAMES,
    build_variables,
    commands,
    copy_sources,
    output,
)
from tests.integration.hosts import PREFIX, wait_until
from tests.integration.images import REPOSITORY
from tests.integration.omero_server import User, client_login
from tests.integration.visit import visit
from tests.integration.visitors import assert_nobody_noticed, visitors

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DEMO = User("demo", "demo", "Demo User")
LOGIN = "/webclient/login/"
LIMIT = 180  # seconds
TAG = f"{REPOSITORY}-{os.getpid()}-compose"  # no other session's
WEB = f"{NAMES['web']}:{TAG}"


class Project:
    """A copy of the project, with wheels as a developer has them, and what Compose made of it."""

    def __init__(self, engine: docker.DockerClient, folder: Path, command: list[str]) -> None:
        self.engine, self.folder, self.command = engine, folder, command
        self.name = f"{PREFIX}-{os.getpid()}-compose"
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as two:
            self.port, https = one.getsockname()[1], two.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.environment = {
            **build_variables(engine, TAG),
            "COMPOSE_PROJECT_NAME": self.name,
            "NGINX_HTTP_PORT": str(self.port),
            "NGINX_HTTPS_PORT": str(https),
            "NGINX_OMERO_WS": "wss://demo-server:4066",
        }

    def compose(self, *arguments: str) -> str:
        done = self.run(*self.command, *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def roll_out(self) -> subprocess.CompletedProcess[str]:
        self.environment["COMPOSE"] = " ".join(self.command)
        return self.run("containers/roll-out")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )

    def configure(self, *lines: str) -> None:
        """Write .env as a site has it."""
        example = (self.folder / ".env.example").read_text()
        (self.folder / ".env").write_text("\n".join([example, *lines, ""]))

    def containers(self, service: str | None = None) -> list[Container]:
        labels = [f"com.docker.compose.project={self.name}"]
        labels += [f"com.docker.compose.service={service}"] if service else []
        found = self.engine.containers.list(all=True, filters={"label": labels})
        return sorted(found, key=lambda each: str(each.name))

    def get(self, path: str = LOGIN) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{self.url}{path}", timeout=30)

    def wait_ready(self, count: int) -> None:
        """Wait until each container of OMERO.web is ready."""
        check = ["omeroweb-ops", "ready", "--timeout", "2"]

        def ready() -> bool:
            web = self.containers("web")
            done = [each.status == "running" and each.exec_run(check).exit_code for each in web]
            return done == [0] * count

        wait_until(ready, 60, f"{count} containers")

    def page_sizes(self) -> list[str]:
        """Return the property that tests change, of each container of OMERO.web."""
        command = ["omero", "config", "get", "omero.web.page_size"]
        return [output(each, *command) for each in self.containers("web")]


@pytest.fixture(scope="module")
def project(
    engine: docker.DockerClient,
    ice_cache: Path,
    container_image: ContainerImage,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    for target, name in NAMES.items():
        engine.images.get(container_image(target)).tag(name, TAG)
    folder = tmp_path_factory.mktemp("omero-web")
    (wheel,) = ice_cache.glob("*.whl")
    copy_sources(folder, wheel)
    project = Project(engine, folder, compose_v2())
    try:
        project.compose("--profile", "demo", "up", "-d")
        yield project
    finally:
        project.compose("--profile", "demo", "down", "--volumes", "--timeout", "5")
        for name in NAMES.values():
            engine.images.remove(f"{name}:{TAG}")


@pytest.fixture(scope="module")
def client(project: Project) -> Client:
    """A user who is logged in from the first test to the last."""
    project.wait_ready(1)
    return Client(project.url, DEMO)


def test_the_login_page_is_there_with_no_file_edited(project: Project) -> None:
    assert not (project.folder / ".env").exists()
    wait_until(lambda: project.get().status_code == 200, 60, "the login page")
    page = project.get()
    assert re.search(r"<title>\s*OMERO\.web - Login\s*</title>", page.text)
    for name in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
        assert project.get(name).status_code == 200, name
    assert {each.labels["com.docker.compose.service"] for each in project.containers()} == {
        "web", "nginx", "redis", "demo-server"
    }  # fmt: skip
    for each in project.containers():
        assert output(each, "id", "-u") == "1000"
        assert each.exec_run(["touch", "/etc/omero-web-test"]).exit_code != 0
        status = output(each, "cat", "/proc/1/status")
        assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)


def test_a_user_of_the_demo_logs_in(project: Project, client: Client, browser: Browser) -> None:
    assert client.is_in()
    with visit(browser, project.url) as window:
        window.log_in(DEMO)
        assert "/login/" not in window.page.url
        assert DEMO.full_name in window.page.inner_text("body")
        assert window.mistakes == []


def test_a_client_of_omero_logs_in_by_nginx(project: Project, client: Client) -> None:
    web = project.containers("web")[0]
    command = client_login("ws://nginx/omero-ws", 8080, DEMO.name, DEMO.password)
    assert output(web, *command).split() == [DEMO.name, "ws"]


def test_no_key_is_in_a_container_s_description_or_log(project: Project, client: Client) -> None:
    web = project.containers("web")[0]
    keys = [
        output(web, "cat", f"/opt/omero/keys/{name}") for name in ("secret_key", "redis_password")
    ]
    assert all(len(key) >= 32 for key in keys)
    shown = [f"{each.attrs} {each.logs()!r} {commands(each)}" for each in project.containers()]
    shown += [str(each.image.history()) for each in project.containers() if each.image]
    assert not [key for key in keys for text in shown if key in text]


def test_nobody_notices_more_and_fewer_containers(project: Project, client: Client) -> None:
    with visitors(project.url + LOGIN) as answers:
        project.compose("up", "-d", "--no-recreate", "--scale", "web=3")
        project.wait_ready(3)
        served = _until_each_serves(project, client)
        project.compose("up", "-d", "--no-recreate", "--scale", "web=2")
        assert client.is_in()
    assert_nobody_noticed(answers)
    assert served == 3
    assert len(project.containers("web")) == 2


def _until_each_serves(project: Project, client: Client) -> int:
    """Return how many containers have served a request of one user, who stays logged in."""

    def served() -> list[Container]:
        assert client.is_in()
        return [each for each in project.containers("web") if b"/webclient/" in each.logs()]

    wait_until(lambda: len(served()) == len(project.containers("web")), 20, "requests to each")
    return len(served())


def test_nobody_notices_the_end_of_a_container(project: Project, client: Client) -> None:
    with visitors(project.url + LOGIN) as answers:
        time.sleep(1)  # visitors are on the way
        project.containers("web")[0].kill()
        assert client.is_in()
    assert_nobody_noticed(answers)
    project.compose("up", "-d", "--no-recreate", "--scale", "web=2")
    project.wait_ready(2)


def test_nobody_notices_a_roll_out(project: Project, client: Client) -> None:
    project.configure("WEB_REPLICAS=2", "CONFIG_omero_web_page__size=77")
    old = {each.id for each in project.containers("web")}
    with visitors(project.url + LOGIN) as answers:
        done = project.roll_out()
    assert done.returncode == 0, done.stdout
    assert_nobody_noticed(answers)
    assert project.page_sizes() == ["77", "77"]
    assert not old & {each.id for each in project.containers("web")}
    assert client.is_in()
    # a plain start agrees with the outcome
    known = {each.id for each in project.containers()}
    project.compose("up", "-d")
    assert {each.id for each in project.containers()} == known


def test_nobody_notices_the_roll_out_of_an_image(project: Project, client: Client) -> None:
    recipe = project.folder / "new" / "Dockerfile"
    recipe.parent.mkdir()
    recipe.write_text(f"FROM {WEB}\nLABEL version=new\n")
    before = project.engine.images.get(WEB)
    try:
        project.engine.images.build(path=str(recipe.parent), tag=WEB, rm=True)
        with visitors(project.url + LOGIN) as answers:
            done = project.roll_out()
        assert done.returncode == 0, done.stdout
        assert_nobody_noticed(answers)
        labels = [each.image and each.image.labels["version"] for each in project.containers("web")]
        assert labels == ["new", "new"]
        assert client.is_in()
    finally:
        before.tag(WEB)


def test_containers_that_do_not_start_replace_nothing(project: Project, client: Client) -> None:
    project.configure("WEB_REPLICAS=2", "CONFIG_omero_web_nothing=1")
    old = {each.id for each in project.containers("web")}
    with visitors(project.url + LOGIN) as answers:
        done = project.roll_out()
    assert done.returncode == 1, done.stdout
    assert "OMERO.web has no omero.web.nothing" in done.stdout
    assert_nobody_noticed(answers)
    assert {each.id for each in project.containers("web")} == old
    assert client.is_in()


def test_one_command_switches_planned_maintenance(project: Project, client: Client) -> None:
    command = ["exec", "-T", "nginx", "omeroweb-ops", "maintenance"]
    project.compose(*command, "on", "--message", "New disks until noon.")
    page = project.get()
    assert page.status_code == 503
    assert "New disks until noon." in page.text
    project.compose(*command, "off")
    assert project.get().status_code == 200
    assert client.is_in()


def test_visitors_see_the_maintenance_page_while_omero_web_is_down(
    project: Project, client: Client
) -> None:
    project.compose("stop", "web")
    page = project.get()
    assert page.status_code == 503
    assert "OMERO.web - Maintenance" in page.text
    project.compose("start", "web")
    wait_until(lambda: project.get().status_code == 200, 30, "the login page")
    assert client.is_in()


def test_a_plugin_s_own_tests_run_against_the_site(project: Project) -> None:
    """With a user who is logged in, by the commands of the guide."""
    project.configure("COMPOSE_FILE=compose.yaml:containers/plugin/compose.yaml")
    project.compose("--profile", "demo", "up", "-d")
    project.compose("exec", "-T", "web", "omeroweb-ops", "ready", "--timeout", "60")
    assert "Ran 3 tests" in project.compose("run", "--rm", "tests")
    project.environment["OMERO_PASSWORD"] = "another"
    done = project.run(*project.command, "run", "--rm", "tests")
    assert done.returncode == 1, done.stdout
    assert "the login failed" in done.stdout


def test_a_container_stops_at_once_while_it_starts(project: Project, client: Client) -> None:
    """Compose's limit is an hour, for requests that take long."""
    web = project.containers("web")[0]
    web.restart(timeout=30)
    # before, the kernel drops the signal, because the engine's own process has no handler
    first = ["cat", "/proc/1/cmdline"]
    wait_until(lambda: b"omeroweb" in web.exec_run(first).output, 30, "the container's process")
    began = time.monotonic()
    web.stop(timeout=60)
    assert time.monotonic() - began < 10
    web.start()


def test_docker_compose_1_29_reads_the_same(project: Project) -> None:
    project.configure("CONFIG_omero_web_prefix=/omero", "NGINX_ROBOTS=none", "REDIS_MAXMEMORY=1gb")
    seen = [
        yaml.safe_load(project.run(*command, "--profile", "demo", "config").stdout)["services"]
        for command in (compose_v1(), compose_v2())
    ]
    for name in ("web", "nginx", "redis", "demo-server"):
        one, two = (
            {key: value for key, value in each[name]["environment"].items() if value is not None}
            for each in seen
        )
        assert one == two
        for key in ("image", "read_only", "cap_drop", "tmpfs", "restart"):
            assert seen[0][name][key] == seen[1][name][key]
    assert seen[0]["nginx"]["environment"]["CONFIG_omero_web_prefix"] == "/omero"
