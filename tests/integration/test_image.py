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
from tests.unit.container.config_lines import APPS, LINKS, ours, sequences, without_duplicates
from tests.unit.helpers import KEY, SCHEMA, build_context

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
HERE = Path(__file__).parent
STANDALONE = HERE / "standalone"
UPSTREAM_CONFIG = HERE / "upstream_config.py"
FILES = "/opt/omero/web/config"
OUR_URLS = b"""
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("ours"))]
"""
LOGO = b"\x89PNG\r\n\x1a\n\x00"


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

    def get(self, path: str, headers: dict[str, str] | None = None) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url(path), headers=headers, timeout=30, allow_redirects=False)

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
    status = run.container.exec_run(["omeroweb-ops", "status", "--json"])
    told = json.loads(bytes(status.output))
    assert (status.exit_code, told["status"]) == (1, "warnings")
    assert [each["check"] for each in told["warnings"]] == ["OMERO.server"]  # there is none
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
                "WEB_PLUGINS: omero-mapr is not in this image",
            ],
        ),
        (
            {
                "WEB_CORS_ORIGINS": "viewer.example.org",
                "WEB_BRANDING_TOP_LOGO": "/none.png",
                "CONFIG_omero_web_secret__key_FILE": "/run/secrets/none",
                "CONFIG_omero_web_debugg": "1",
                "CONFIG_omero_web_debug": "maybe",
            },
            [
                "WEB_CORS_ORIGINS: 'viewer.example.org' is not what browsers send",
                "WEB_BRANDING_TOP_LOGO: there is no file /none.png",
                "CONFIG_omero_web_secret__key_FILE: /run/secrets/none cannot be read",
                "CONFIG_omero_web_debugg: ",
                "omero.web.debug: must be True or False, not 'maybe'",
            ],
        ),
        (
            {"OMEROHOST": "a", "CONFIG_omero_web_server__list": '[["b", 4064, "b"]]'},
            ["OMEROHOST: contradicts CONFIG_omero_web_server__list; set only one of them"],
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


def test_a_sequence_of_lines_gives_what_upstream_s_own_omero_load_gives(start: Any) -> None:
    """Every short sequence of lines that set, append and remove: tests/unit has the longer ones."""
    wanted = [
        (LINKS if any(LINKS in line for line in lines) else APPS, lines) for lines in sequences(3)
    ]
    run = start(
        command=["sleep", "infinity"],
        volumes={str(UPSTREAM_CONFIG): {"bind": "/tmp/upstream_config.py", "mode": "ro"}},
    )
    archive = io.BytesIO()
    content = json.dumps(wanted).encode()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("lines.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    run.container.put_archive("/tmp", archive.getvalue())
    told = run.run(
        "sh", "-c", "mkdir -p /tmp/omero/etc/grid /tmp/omero/var && OMERODIR=/tmp/omero "
        "/opt/omero/web/venv3/bin/python /tmp/upstream_config.py < /tmp/lines.json 2> /dev/null"
    )  # fmt: skip
    found = json.loads(told.splitlines()[-1])
    assert len(found) == len(wanted) > 400
    for (name, lines), text in zip(wanted, found, strict=True):
        items = json.loads(text or SCHEMA[name].default or "[]")
        assert ours(lines, name) == without_duplicates(items), lines


def test_settings_and_secrets_come_by_variables_and_files(start: Any, tmp_path: Path) -> None:
    for name, content in {
        "secrets/CONFIG_omero_web_secret__key": f"{KEY}\n".encode(),
        "site/logo": LOGO,
        "site/templates/webclient/login.html": b'{% extends "webgateway/core_html.html" %}ours',
        "site/welcome.html": b"welcome to the facility",
        "site/server": b"omero.example.org\n",
        "apps/our_app/__init__.py": b"",
        "apps/our_app/urls.py": OUR_URLS,
        "apps/our_app/static/our_app/our.css": b"p { color: red }",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    tmp_path.chmod(0o755)
    run = start(
        read_only=True,
        tmpfs={f"{OMERODIR}/var": "uid=1000,gid=1000"},
        volumes={
            str(tmp_path / "secrets"): {"bind": "/run/secrets", "mode": "ro"},
            str(tmp_path / "site"): {"bind": "/site", "mode": "ro"},
            str(tmp_path / "apps"): {"bind": "/opt/omero/web/apps", "mode": "ro"},
        },
        environment={
            "OMEROHOST_FILE": "/site/server",
            "CONFIG_omero_db_host": "database.example.org",
            "CONFIG_omero_db_pass_FILE": "/run/secrets/database",
            "CONFIG_omero_web_prefix": "/omero",
            "CONFIG_omero_web_apps": '["our_app"]',
            "WEB_CORS_ORIGINS": "https://viewer.example.org",
            "WEB_BRANDING_LOGIN_LOGO": "/site/logo",
            "WEB_BRANDING_INDEX_TEMPLATE": "/site/welcome.html",
            "WEB_PLUGINS": "",
        },
    )
    run.ready("/omero/webclient/login/")
    logo = run.run("omero", "config", "get", "omero.web.login_logo").strip()
    assert run.get(logo).content == LOGO
    assert run.get("/omero/index/").text == "welcome to the facility"
    assert run.get("/omero/figure/").status_code == 404
    assert run.get("/omero/our_app/").text == "ours"
    assert run.get("/omero/static/our_app/our.css").text == "p { color: red }"
    page = run.get("/omero/api/v0/", {"Origin": "https://viewer.example.org"})
    assert page.headers["Access-Control-Allow-Origin"] == "https://viewer.example.org"
    assert "omero.example.org" in run.run("omero", "config", "get", "omero.web.server_list")
    assert run.run("omero", "config", "get", "omero.web.secret_key").strip() == KEY
    shown = bytes(run.container.logs()).decode() + run.run("omeroweb-ops", "config", "show")
    assert "warning: CONFIG_omero_db_host: is a property of OMERO.server" in shown
    assert "warning: CONFIG_omero_db_pass: is a property of OMERO.server" in shown
    assert "database.example.org" not in shown
    assert KEY not in shown


@pytest.fixture(scope="module")
def standalone(engine: docker.DockerClient, image: str) -> Iterator[str]:
    """With plugins outside the catalogue, as docs/container.md makes one."""
    built, _log = engine.images.build(
        path=str(STANDALONE), buildargs={"IMAGE": image}, rm=True, forcerm=True
    )
    yield str(built.id)
    engine.images.remove(str(built.id), force=True)


def test_an_image_has_the_official_standalone_image_s_plugins_and_its_file(
    fleet: Fleet, standalone: str
) -> None:
    run = Run(fleet, standalone, "standalone", environment={"OMEROHOST": "omero.example.org"})
    try:
        run.ready()
        apps = json.loads(run.run("omero", "config", "get", APPS))
        assert sorted(apps) == [
            f"omero_{name}"
            for name in ("autotag", "figure", "iviewer", "mapr", "parade", "tagsearch")
        ]
        links = json.loads(run.run("omero", "config", "get", LINKS))
        assert [link[0] for link in links] == ["Data", "Mapr", "Figure", "Tag Search"]
        for name in (
            "omero_autotag/js/bundle.min.js",
            "omero_iviewer/openwith.js",
            "omero_parade/css/parade.css",
            "tagsearch/3rd-party/chosen.order.jquery.js",
        ):
            assert run.get(f"/static/{name}").status_code == 200, name
        assert run.get("/mapr/").status_code < 400
        left = run.run("sh", "-c", "ls -A /tmp /root/.cache /var/lib/apt/lists 2> /dev/null; true")
        assert [line for line in left.split() if not line.endswith(":")] == []
        assert run.run("id", "-u").strip() == "1000"
    finally:
        run.container.remove(force=True, v=True)
    layers = fleet.engine.images.get(standalone).history()
    assert sum(layer["Size"] for layer in layers[:4]) < 20_000_000  # the Dockerfile's own


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
