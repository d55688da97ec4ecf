"""The container image, built and run by the Docker SDK as a registry's user would."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import socket
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from docker.models.containers import Container
from omeroweb_ops.container.environment import encode

from tests.integration.conftest import MakeHost
from tests.integration.hosts import (
    PREFIX,
    Fleet,
    deploy,
    docker_inventory,
    project_files,
    wait_until,
)
from tests.integration.images import REPOSITORY, ROOT, base_image
from tests.integration.site_checks import OMERODIR
from tests.unit.helpers import build_context

TEN = {
    "omero.web.debug": "false",
    "omero.web.wsgi_workers": "3",
    "omero.web.session_cookie_age": "3600",
    "omero.web.page_size": "100",
    "omero.web.ping_interval": "50000",
    "omero.web.chunk_size": "1000000",
    "omero.web.time_zone": "Europe/Berlin",
    "omero.web.check_version": "false",
    "omero.web.x_frame_options": "DENY",
    "omero.web.ui.top_links": '[["Facility", "https://facility.example.org", {}]]',
}
VARIABLES = {encode(name): value for name, value in TEN.items()} | {
    "OMEROHOST": "omero.example.org"
}

PLUGIN = "omero-figure"


def context(wheel: Path) -> io.BytesIO:
    """The build context: the project as git has it, but for what is ignored; a wheel at hand."""
    context = build_context(ROOT, (ROOT / ".dockerignore").read_text())
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in project_files():
            if name in context or name == "Dockerfile":
                tar.add(ROOT / name, arcname=name)
        tar.add(wheel, arcname=f"wheels/{wheel.name}")
    archive.seek(0)
    return archive


@pytest.fixture(scope="module")
def image(engine: docker.DockerClient, ice_cache: Path) -> str:
    (wheel,) = ice_cache.glob("*.whl")
    tag = f"{REPOSITORY}/omero-web"
    built, _log = engine.images.build(
        fileobj=context(wheel),
        custom_context=True,
        target="web",
        tag=tag,
        buildargs={"BASE": base_image(engine, "plain"), "PLUGINS": PLUGIN},
        rm=True,
        forcerm=True,
    )
    return str(built.id)


class Run:
    """One container of the image."""

    def __init__(self, fleet: Fleet, image: str, name: str, **options: Any) -> None:
        self.began = time.monotonic()
        self.container: Container = fleet.engine.containers.run(
            image,
            name=f"{PREFIX}-{os.getpid()}-{name}",
            network=str(fleet.network.name),
            detach=True,
            **options,
        )
        self.network = str(fleet.network.name)

    def url(self, path: str) -> str:
        self.container.reload()
        networks = self.container.attrs["NetworkSettings"]["Networks"]
        return f"http://{networks[self.network]['IPAddress']}:4080{path}"

    def get(self, path: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url(path), timeout=30, allow_redirects=False)

    def ready(self, path: str = "/webclient/login/") -> float:
        """Wait for the login page; seconds from the start."""
        wait_until(lambda: self.get(path).status_code == 200, 60, "200", every=0.05)
        return time.monotonic() - self.began

    def run(self, *command: str) -> str:
        done = self.container.exec_run(list(command))
        assert done.exit_code == 0, done.output
        assert isinstance(done.output, bytes)
        return done.output.decode()


@pytest.fixture
def start(fleet: Fleet, image: str) -> Iterator[Any]:
    runs: list[Run] = []

    def begin(**options: Any) -> Run:
        runs.append(Run(fleet, image, f"image-{len(runs)}", **options))
        return runs[-1]

    yield begin
    for run in runs:
        run.container.remove(force=True, v=True)


def test_it_serves_the_login_page_and_its_static_files_and_stops_clean(start: Any) -> None:
    run = start(environment=VARIABLES, ports={"4080/tcp": ("127.0.0.1", None)})
    run.ready()
    doctor = json.loads(run.run("omeroweb-ops", "doctor", "--json", "--url", run.url("/")))
    bad = [each["name"] for each in doctor["checks"] if each["status"] in ("warning", "error")]
    assert bad == ["OMERO.server"]
    page = run.get("/webclient/login/")
    assert re.search(r"<title>\s*OMERO\.web - Login\s*</title>", page.text)
    assert "omero.example.org" in page.text or 'value="1"' in page.text
    for name in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
        assert run.get(name).status_code == 200, name
    assert page.headers["X-Frame-Options"] == "DENY"
    assert run.get("/ops/live").text == "alive\n"
    assert run.get("/ops/ready").json()["ready"]
    metrics = run.get("/ops/metrics").text
    for line in ("omeroweb_workers 3.0", "omeroweb_session_store_up 1.0"):
        assert f"\n{line}\n" in metrics
    assert "\nomeroweb_sessions " in metrics  # in files here
    assert "RUNNING" in run.run("omero", "web", "status")
    told = json.loads(run.run("omeroweb-ops", "status", "--json"))
    assert told["status"] == "serving"
    assert told["sessions"] == "file"
    assert told["workers"]["present"] == 3
    assert run.run("id", "-u").strip() == "1000"
    workers = run.run("sh", "-c", "grep -l gunicorn /proc/[0-9]*/cmdline").split()
    assert len(workers) >= 4  # master and three workers
    run.container.stop(timeout=60)
    run.container.reload()
    # and not 137, of the kill that follows a stop without an answer
    assert run.container.attrs["State"]["ExitCode"] == 0


def test_two_hundred_clients_with_slow_headers_leave_the_login_page_as_it_was(start: Any) -> None:
    """Without a proxy in front."""
    run = start(environment=VARIABLES)
    run.ready()
    host, _, port = run.url("").removeprefix("http://").partition(":")
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port)), 30)) for _ in range(200)
        ]
        for turn in range(10):
            for client in clients:
                client.sendall(b"X-%d: y\r\n" % turn if turn else b"GET / HTTP/1.1\r\n")
            began = time.monotonic()
            assert run.get("/webclient/login/").status_code == 200
            assert time.monotonic() - began < 2


def test_it_becomes_healthy(start: Any) -> None:
    run = start()
    health = run.container.client.api.inspect_image(run.container.image.id)["Config"]["Healthcheck"]
    assert "ready" in health["Test"]
    run.ready()
    assert run.container.exec_run(health["Test"][1:]).exit_code == 0
    run.container.exec_run(["sh", "-c", "kill -STOP $(grep -l omeroweb.wsgi /proc/[0-9]*/cmdline |"
                            " cut -d/ -f3 | grep -vx $$)"])  # fmt: skip
    assert run.container.exec_run(health["Test"][1:]).exit_code != 0


def test_a_read_only_root_with_a_writable_var_is_enough(start: Any) -> None:
    run = start(
        environment=VARIABLES,
        read_only=True,
        tmpfs={f"{OMERODIR}/var": "uid=1000,gid=1000"},
    )
    run.ready()
    assert run.get("/static/webgateway/css/reset.css").status_code == 200


@pytest.mark.parametrize(
    ("variables", "messages"),
    [
        ({"CONFIG_omero_web_debugg": "1"}, ["did you mean CONFIG_omero_web_debug?"]),
        (
            {"CONFIG_omero_web_wsgi_workers": "2"},
            ["CONFIG_omero_web_wsgi_workers", "did you mean CONFIG_omero_web_wsgi__workers?"],
        ),
        (
            {"CONFIG_omero_web_debug": "maybe", "CONFIG_omero_web_page__size": "ten"},
            ["omero.web.debug", "True or False", "omero.web.page_size", "whole number"],
        ),
        (
            {"OMEROWEB_PLUGINS": "omero-figur omero-mapr"},
            [
                "OMEROWEB_PLUGINS: there is no omero-figur",
                "omero.web.mapr.config: omero-mapr needs",
            ],
        ),
        (
            {"OMEROHOST": "a", "CONFIG_omero_web_server__list": '[["b", 4064, "b"]]'},
            ["OMEROHOST", "omero.web.server_list"],
        ),
    ],
)
def test_wrong_variables_are_refused(
    start: Any, variables: dict[str, str], messages: list[str]
) -> None:
    run = start(environment=variables)
    assert run.container.wait(timeout=120)["StatusCode"] == 1
    said = bytes(run.container.logs()).decode()
    for message in messages:
        assert message in said
    assert "Traceback" not in said


def test_omero_files_are_read_as_omero_load_does(start: Any, tmp_path: Path) -> None:
    (tmp_path / "10-site.omero").write_text(
        "# our facility\n"
        "config set -- omero.web.page_size 77\n"
        'config append -- omero.web.ui.top_links \'["Facility", "https://f.example.org", {}]\'\n'
        "config set omero.web.prefix /omero\n"
    )
    tmp_path.chmod(0o755)
    run = start(
        volumes={str(tmp_path): {"bind": "/opt/omero/web/config", "mode": "ro"}},
        environment={
            "CONFIG_omero_web_ping__interval": "1234",
            "OMEROWEB_PLUGINS": "",
            "OMEROWEB_READY_NEEDS_SERVER": "true",
        },
    )
    run.ready("/omero/webclient/login/")
    assert run.get("/omero/figure/").status_code == 404
    assert run.run("omero", "config", "get", "omero.web.page_size").strip() == "77"
    assert run.run("omero", "config", "get", "omero.web.ping_interval").strip() == "1234"
    links = json.loads(run.run("omero", "config", "get", "omero.web.ui.top_links"))
    assert links[-1][0] == "Facility"
    assert len(links) > 1
    assert run.get("/omero/ops/live").text == "alive\n"
    assert run.get("/omero/ops/ready").status_code == 503  # there is no OMERO.server


def test_its_configuration_is_that_of_a_host_with_the_same_properties(
    start: Any, make_host: MakeHost, deployed_image: str
) -> None:
    run = start(environment=VARIABLES)
    run.ready()
    web = make_host("plain", image=deployed_image)
    around = {"omero.web.application_server.host": "0.0.0.0"}  # as in a container
    servers = {"omero.web.server_list": [["omero.example.org", 4064, "omero"]]}
    config = {**TEN, **around, **servers}
    deploy(docker_inventory(web, ["web"], web_config=config, web_plugins=[PLUGIN]))
    on_host = web.run("omero config get").stdout
    assert run.run("omero", "config", "get") == on_host
    assert on_host.count("\n") > 12
    assert 'omero.web.apps=["omero_figure"]' in on_host
    assert run.get("/figure/").headers["Location"].startswith("/webclient/login/")
    assert run.get("/static/omero_figure/index.html").status_code == 200


def test_no_compiler_no_caches_no_pyinfra(start: Any) -> None:
    run = start()
    for name in ("gcc", "g++", "cc", "pip", "uv", "pyinfra"):
        assert run.container.exec_run(["sh", "-c", f"command -v {name}"]).exit_code != 0, name
    for path in ("/bundle", "/var/cache/omeroweb-ops", "/root/.cache", "/var/lib/apt/lists/lock"):
        assert run.container.exec_run(["test", "-e", path]).exit_code != 0, path
    assert (
        run.container.exec_run(
            ["find", "/opt/omero/web", "-path", "*/site-packages/pyinfra*"]
        ).output
        == b""
    )
