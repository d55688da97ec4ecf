"""The container image, built and run by the Docker SDK as a registry's user would."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from docker.models.containers import Container
from hypothesis import given, settings
from hypothesis import strategies as st
from omeroweb_ops.container.environment import encode

from tests.integration.conftest import ContainerImage, MakeHost
from tests.integration.container_images import PLUGIN, commands
from tests.integration.hosts import (
    PREFIX,
    Fleet,
    deploy,
    docker_inventory,
    wait_until,
)
from tests.integration.site_checks import OMERODIR
from tests.unit.container.config_lines import APPS, LINKS, ours, sequences, without_duplicates
from tests.unit.helpers import KEY, SCHEMA

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

HERE = Path(__file__).parent
STANDALONE = HERE / "standalone"
UPSTREAM_CONFIG = HERE / "upstream_config.py"
FILES = "/opt/omero/web/config"
OUR_URLS = b"""
import time

from django.http import HttpResponse
from django.urls import path


def slow(request):
    print("the slow request has begun", flush=True)
    time.sleep(3)
    return HttpResponse("whole")


urlpatterns = [path("", lambda request: HttpResponse("ours")), path("slow/", slow)]
"""
OUR_SETTINGS = b"""
import sys
from omeroweb.settings import process_custom_settings


def not_empty(text):
    if not text:
        raise ValueError("Invalid empty value")
    return text


OUR_MAPPING = {"omero.web.our.user": ["OUR_USER", "", not_empty, None]}
process_custom_settings(sys.modules[__name__], "OUR_MAPPING")
"""
LOGO = b"\x89PNG\r\n\x1a\n\x00"


@pytest.fixture(scope="module")
def image(container_image: ContainerImage) -> str:
    return container_image("web")


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
    expired = f"{OMERODIR}/var/sessions/sessionid{'0' * 32}"
    run.run("sh", "-c", f"echo a:b:c > {expired}; touch -d 2020-01-01 {expired}")
    run.container.kill(signal="HUP")  # the daily clearsessions survives a reload
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
    running = re.search(r"RUNNING\] \(PID (\d+)\)", run.run("omero", "web", "status"))
    assert running
    assert "gunicorn" in run.run("cat", f"/proc/{running[1]}/cmdline")
    status = run.container.exec_run(["omeroweb-ops", "status", "--json"])
    told = json.loads(bytes(status.output))
    assert (status.exit_code, told["status"]) == (1, "warnings")
    assert [each["check"] for each in told["warnings"]] == ["OMERO.server"]  # there is none
    assert told["sessions"] == "file"
    assert told["workers"]["present"] == 3
    assert run.run("id", "-u").strip() == "1000"
    said = b"Clearing expired sessions... done: 1 expired sessions removed"
    wait_until(lambda: said in run.container.logs(), 60, "the daily clearsessions", every=0.2)
    assert run.container.exec_run(["test", "-e", expired]).exit_code == 1
    gunicorn = [each for each in commands(run.container) if "gunicorn" in each]
    assert len(gunicorn) >= 4  # master and three workers
    run.container.stop(timeout=60)
    run.container.reload()
    # and not 137, of the kill that follows a stop without an answer
    assert run.container.attrs["State"]["ExitCode"] == 0


def test_it_stops_at_once_while_it_waits_for_redis(start: Any) -> None:
    run = start(environment={"WEB_REDIS_URL": "redis://127.0.0.1:6399"})
    waits = b"waiting for redis://127.0.0.1:6399"
    wait_until(lambda: waits in run.container.logs(), 30, "the wait", every=0.1)
    began = time.monotonic()
    run.container.stop(timeout=30)
    assert time.monotonic() - began < 5
    run.container.reload()
    assert run.container.attrs["State"]["ExitCode"] == 128 + signal.SIGTERM


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


@pytest.fixture
def volumes(fleet: Fleet) -> Iterator[dict[str, dict[str, str]]]:
    """New volumes for var and for the keys, as `start` takes them."""
    made = {
        path: fleet.engine.volumes.create(f"{PREFIX}-{os.getpid()}-{name}")
        for name, path in (("var", f"{OMERODIR}/var"), ("keys", "/opt/omero/keys"))
    }
    yield {str(volume.name): {"bind": path, "mode": "rw"} for path, volume in made.items()}
    for volume in made.values():
        volume.remove(force=True)


def test_any_uid_with_nothing_but_volumes_is_enough(
    fleet: Fleet, image: str, volumes: dict[str, dict[str, str]]
) -> None:
    """A read-only root, no capability; and the next container of the volumes has another uid."""
    found = []
    for user in ("998:0", None):
        run = Run(
            fleet,
            image,
            "any-uid",
            environment=VARIABLES,
            user=user,
            read_only=True,
            tmpfs={"/tmp": ""},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            volumes=volumes,
        )
        try:
            run.ready()
            assert run.run("id", "-u").strip() == (user or "1000:0").partition(":")[0]
            assert run.get("/static/webgateway/css/reset.css").status_code == 200
            key = run.run("omero", "config", "get", "omero.web.secret_key").strip()
            assert key == run.run("cat", "/opt/omero/keys/secret_key").strip()
            found.append(key)
            assert run.run("omero", "config", "set", "omero.web.page_size", "33") == ""
            assert "RUNNING" in run.run("omero", "web", "status")
            assert ": 0 expired sessions" in run.run("omero", "web", "clearsessions")
            began = time.monotonic()
            run.container.stop(timeout=60)
            assert time.monotonic() - began < 5
            run.container.reload()
            assert run.container.attrs["State"]["ExitCode"] == 0
            assert "Traceback" not in bytes(run.container.logs()).decode()
        finally:
            run.container.remove(force=True)
    assert len({*found}) == 1


def test_the_variables_of_all_containers_give_cookies_and_names_and_no_secret(start: Any) -> None:
    run = start(
        environment={
            "NGINX_SERVER_NAME": "omero.example.org",
            "NGINX_TLS": "self-signed",
            "NGINX_HTTPS_PORT": "8443",
            "NGINX_MAX_BODY_SIZE": "of another container",
            "REDIS_MAXMEMORY": "of another container",
            "REDIS_PASSWORD": KEY,
            "WEB_GRACEFUL_TIMEOUT": "9",
        }
    )
    alive = {"Host": "omero.example.org", "X-Forwarded-Proto": "https"}
    wait_until(lambda: run.get("/ops/live", alive).status_code == 200, 60, "200", every=0.05)
    config = run.run("omero", "config", "get")
    for line in (
        'omero.web.allowed_hosts=["omero.example.org", "localhost", "127.0.0.1", "[::1]"]',
        "omero.web.session_cookie_secure=true",
        'omero.web.csrf_trusted_origins=["https://omero.example.org:8443"]',
        "omero.web.session_engine=django.contrib.sessions.backends.file",
    ):
        assert f"{line}\n" in config
    processes = "grep -l 'omeroweb[.]wsgi' /proc/[0-9]*/cmdline | sed s/cmdline/environ/"
    environment = run.run("sh", "-c", f"cat $({processes}) | tr '\\0' '\\n'")
    assert environment.count("WEB_GRACEFUL_TIMEOUT=9\n") > 2  # the master and workers
    assert KEY not in environment
    assert KEY not in bytes(run.container.logs()).decode()


@pytest.mark.parametrize(
    ("variables", "messages"),
    [
        (
            {"CONFIG_omero_web_debugg": "1", "CONFIG_omero_web_api_max__limits": "5"},
            ["did you mean CONFIG_omero_web_debug?", "mean CONFIG_omero_web_api_max__limit?"],
        ),
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
                "NGINX_TLS": "on",
                "WEB_SESSIONS": "redis",
                "WEB_GRACEFUL_TIMEOUT": "0",
            },
            [
                "WEB_CORS_ORIGINS: 'viewer.example.org' is not what browsers send",
                "WEB_BRANDING_TOP_LOGO: there is no file /none.png",
                "CONFIG_omero_web_secret__key_FILE: /run/secrets/none cannot be read",
                "CONFIG_omero_web_debugg: ",
                "NGINX_TLS: 'on' is not valid; must be off, self-signed or ",
                "REDIS_PASSWORD: is missing; set it, or mount",
                "WEB_GRACEFUL_TIMEOUT: must be a whole number from 1 to 3600, not '0'",
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


class Upstream:
    """Upstream's own code in a container, see `upstream_config`."""

    def __init__(self, container: str) -> None:
        script = (
            "mkdir -p /tmp/omero/etc/grid /tmp/omero/var && OMERODIR=/tmp/omero "
            "exec /opt/omero/web/venv3/bin/python /tmp/upstream_config.py 2> /dev/null"
        )
        self.process = subprocess.Popen(
            ["docker", "exec", "-i", container, "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, action: str, name: str, data: object) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([action, name, data]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate(timeout=60)


def some_lines(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[str, Any]]]:
    """What follows `config` in some lines, and a value."""
    changes = st.sampled_from(["append", "append", "append --set", "remove"])
    sets = st.tuples(st.just("set"), st.lists(items, max_size=4) | st.none())
    return st.lists(st.tuples(changes, items) | sets, min_size=1, max_size=8)


LINES = ["}", "location /a/ {", 'add_header A "b\'c";']
THINGS = [*LINES, 1, True, None, ["a", "b"], ["a", "c"], {"name": "a"}]
# Of the second property nothing is known: a plugin may have it.
SEQUENCES = st.one_of(
    st.tuples(st.just("omero.web.nginx_server_extra_config"), some_lines(st.sampled_from(LINES))),
    st.tuples(st.just("omero.web.ours.things"), some_lines(st.sampled_from(THINGS))),
)
READ = [
    name for name, prop in SCHEMA.items() if prop.kind in ("list", "object", "base_url", "boolean")
]
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
VALUES = st.recursive(
    TEXT | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


def test_lines_and_values_mean_what_upstream_s_own_code_makes_of_them(start: Any) -> None:
    volume = {str(UPSTREAM_CONFIG): {"bind": "/tmp/upstream_config.py", "mode": "ro"}}
    run = start(command=["sleep", "infinity"], volumes=volume)
    upstream = Upstream(run.container.name)
    count = 0
    for lines in sequences(3):
        name = LINKS if any(LINKS in line for line in lines) else APPS
        text = upstream("load", name, lines)
        items = json.loads(text or SCHEMA[name].default or "[]")
        assert ours(lines, name) == without_duplicates(items), lines
        count += 1
    assert count > 400

    @settings(max_examples=150, deadline=None)
    @given(SEQUENCES)
    def lines_of_a_sequence(sequence: tuple[str, list[tuple[str, Any]]]) -> None:
        name, words = sequence
        lines = []
        for action, item in words:
            unset = action == "set" and item is None
            value = "" if unset else f" {shlex.quote(json.dumps(item))}"
            lines.append(f"config {action} -- {name}{value}")
        assert ours(tuple(lines), name) == json.loads(upstream("load", name, lines) or "[]"), lines

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(READ), VALUES)
    def values_of_a_property(name: str, value: Any) -> None:
        prop = SCHEMA[name]
        try:
            text = prop.encode(value)
        except ValueError:
            return
        assert upstream("read", name, text) == [prop.value(text)]

    lines_of_a_sequence()
    values_of_a_property()
    upstream.close()


def test_settings_and_secrets_come_by_variables_and_files(start: Any, tmp_path: Path) -> None:
    for name, content in {
        "secrets/CONFIG_omero_web_secret__key": f"{KEY}\n".encode(),
        "site/logo": LOGO,
        "site/templates/webclient/login.html": b'{% extends "webgateway/core_html.html" %}ours',
        "site/welcome.html": b"welcome to the facility",
        "site/server": b"omero.example.org\n",
        "apps/our_app/__init__.py": b"",
        "apps/our_app/urls.py": b"from . import our_settings\n" + OUR_URLS,
        "apps/our_app/our_settings.py": OUR_SETTINGS,
        "apps/our_app/static/our_app/our.css": b"p { color: red }",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    tmp_path.chmod(0o755)
    apps = {str(tmp_path / "apps"): {"bind": "/opt/omero/web/apps", "mode": "ro"}}
    ours = {"CONFIG_omero_web_apps": '["our_app"]'}
    for value in ({}, {"CONFIG_omero_web_our_user": ""}):
        wrong = start(volumes=apps, environment={**ours, **value})
        assert wrong.container.wait(timeout=120)["StatusCode"] == 1
        said = bytes(wrong.container.logs()).decode()
        assert "omero.web.our.user: " in said
        assert "our_app.our_settings.not_empty refuses" in said
        assert "Traceback" not in said
    run = start(
        read_only=True,
        tmpfs={f"{OMERODIR}/var": "uid=1000,gid=1000"},
        volumes={
            str(tmp_path / "secrets"): {"bind": "/run/secrets", "mode": "ro"},
            str(tmp_path / "site"): {"bind": "/site", "mode": "ro"},
            **apps,
        },
        environment={
            **ours,
            "CONFIG_omero_web_our_user": "ada",
            "CONFIG_omero_web_api_absolute__url": "https://images.example.org",
            "CONFIG_omero_web_api_max__limit": "1000",
            "CONFIG_omero_web_static__url": "/omero/static",
            "OMEROHOST_FILE": "/site/server",
            "CONFIG_omero_db_host": "database.example.org",
            "CONFIG_omero_db_pass_FILE": "/run/secrets/database",
            "CONFIG_omero_web_prefix": "/omero",
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
    (version,) = run.get("/omero/api/").json()["data"]
    assert version["url:base"] == "https://images.example.org/omero/api/v0/"
    assert run.run("omero", "config", "get", "omero.web.api.max_limit").strip() == "1000"
    assert "omero.example.org" in run.run("omero", "config", "get", "omero.web.server_list")
    assert run.run("omero", "config", "get", "omero.web.secret_key").strip() == KEY
    shown = bytes(run.container.logs()).decode() + run.run("omeroweb-ops", "config", "show")
    assert "warning: CONFIG_omero_db_host: is a property of OMERO.server" in shown
    assert "warning: CONFIG_omero_db_pass: is a property of OMERO.server" in shown
    assert "database.example.org" not in shown
    assert KEY not in shown
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(run.get, "/omero/our_app/slow/")
        begun = b"the slow request has begun"
        wait_until(lambda: begun in run.container.logs(), 30, "the request", every=0.1)
        run.container.stop(timeout=60)
        assert slow.result().text == "whole"


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
    has_ipv6 = run.container.exec_run(["test", "-e", "/proc/net/if_inet6"]).exit_code == 0
    # as in a container
    around = {"omero.web.application_server.host": "::" if has_ipv6 else "0.0.0.0"}
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
    assert run.container.image.attrs["Size"] < 400_000_000
    for name in ("gcc", "g++", "cc", "perl5.36-x86_64-linux-gnu", "pip", "uv", "pyinfra"):
        assert run.container.exec_run(["sh", "-c", f"command -v {name}"]).exit_code != 0, name
    for path in ("/bundle", "/var/cache/omeroweb-ops", "/root/.cache", "/var/lib/apt/lists/lock"):
        assert run.container.exec_run(["test", "-e", path]).exit_code != 0, path
    assert (
        run.container.exec_run(
            ["find", "/opt/omero/web", "-path", "*/site-packages/pyinfra*"]
        ).output
        == b""
    )
    packages = "/opt/omero/web/venv3/lib/python3.11/site-packages"
    assert run.run("find", packages, "-name", "*.pyi", "-o", "-path", "*/numpy/*/tests") == ""
    assert run.run("find", f"{packages}/django/conf/locale/de", "-name", "*.mo") != ""


def test_it_says_what_it_contains(start: Any) -> None:
    """In labels and in a document that has every package of Debian and of Python."""
    run = start(command=["sleep", "infinity"])
    about = "/usr/share/doc/omero-web"
    bom = json.loads(run.run("cat", f"{about}/sbom.cdx.json"))
    found = {each["name"].lower(): each["version"] for each in bom["components"]}
    debian = run.run("dpkg-query", "-W", "-f=${Package} ${Version}\n").splitlines()
    folder = "/opt/omero/web/venv3/lib/python3.11/site-packages"
    python = [
        name.removesuffix(".dist-info").replace("-", " ")
        for name in run.run("ls", folder).split()
        if name.endswith(".dist-info")
    ]
    assert len(debian) > 80
    assert len(python) > 30
    for name, version in (line.split(" ") for line in debian):
        assert found[name] == version
    names = {re.sub(r"[-_.]+", "_", name): version for name, version in found.items()}
    for name, version in (line.split(" ") for line in python):
        assert names[re.sub(r"[-_.]+", "_", name.lower())] == version
    release = run.run("readlink", "-f", "/opt/omero/web/venv3").strip().rpartition("/")[2]
    assert run.run("cat", f"{about}/release").strip() == release
    assert bom["metadata"]["component"]["version"] == release
    labels = run.container.labels
    assert labels["omeroweb-bundle.omero-web"] == found["omero-web"]
    assert labels["omeroweb-bundle.omero-py"] == found["omero-py"]
    assert labels["omeroweb-bundle.django"] == found["django"]
