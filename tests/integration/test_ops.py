"""Health and metrics of one host with four workers, a prefix and secrets, as monitoring asks."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Completed, Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.site_checks import OMERODIR, django, master

PREFIX = "/omero"
SECRETS = {
    "redis_password": "hunter2-of-redis",
    "omero.web.secret_key": "hunter2-of-django-and-of-nobody-else",
}
SITE: dict[str, Any] = {
    "web_config": {"omero.web.prefix": PREFIX, "omero.web.wsgi_workers": 4},
    "web_secrets": "secrets.json",  # JSON is YAML
}
MANY = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The controller's, with the secrets."""
    folder = tmp_path_factory.mktemp("ops")
    secrets = folder / SITE["web_secrets"]
    secrets.write_text(json.dumps(SECRETS))
    secrets.chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_image: str, folder: Path) -> Iterator[Host]:
    with make_session_host("plain", name="ops", image=deployed_image) as host:
        deploy(docker_inventory(host, **SITE), cwd=folder)
        yield host


def ask(host: Host, what: str) -> tuple[int, str]:
    """Through NGINX, as the host's own monitoring asks."""
    url = f"http://127.0.0.1{PREFIX}/ops/{what}"
    done: Completed = host.run(["curl", "-s", "-w", "\n%{http_code}", url])
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def metrics(host: Host) -> dict[tuple[str, ...], float]:
    """Name and label values to value."""
    status, text = ask(host, "metrics")
    assert status == 200, text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests(host: Host) -> dict[tuple[str, ...], float]:
    """Those that have been counted, by method and class of status."""
    name = "omeroweb_http_requests_total"
    return {key[1:]: value for key, value in metrics(host).items() if key[0] == name and value}


def workers(host: Host) -> set[int]:
    """Every gunicorn process but the master."""
    return {process.pid for process in host.processes("omeroweb.wsgi")} - {master(host)}


def reload(host: Host) -> None:
    """Four new workers in place of the old ones."""
    old = workers(host)
    host.run("supervisorctl signal HUP omero-web")
    host.wait_until(lambda: len(workers(host) - old) == len(workers(host)) == 4, 60, "new workers")


def visit(host: Host, number: int) -> None:
    """So many login pages, several at once so that more than one worker answers."""
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: host.http(f"{PREFIX}/webclient/login/"), range(number))
        assert {answer.status_code for answer in answers} == {200}


def test_each_request_is_counted_once_whichever_worker_is_asked(host: Host) -> None:
    before = requests(host)
    visit(host, MANY)
    host.http(f"{PREFIX}/webclient/no-such-page/")
    host.http(f"{PREFIX}/webclient/login/", method="PROPFIND")
    after = requests(host)
    rise = {key: after[key] - before.get(key, 0) for key in after}
    assert rise["GET", "2xx"] == MANY
    assert rise["GET", "4xx"] == 1
    assert sum(value for (method, _), value in rise.items() if method == "other") == 1
    assert [requests(host) for _ in range(10)] == [after] * 10
    counted = metrics(host)["omeroweb_http_request_duration_seconds_count",]
    assert counted == sum(after.values())


def test_counts_survive_reloads_and_killed_workers(host: Host) -> None:
    before, old = requests(host), workers(host)
    assert len(old) == 4
    reload(host)
    reload(host)
    host.kill(min(workers(host)))
    host.wait_until(lambda: metrics(host)["omeroweb_workers",] == 4, 60, "another worker")
    assert not workers(host) & old
    visit(host, 8)
    after = {**before, ("GET", "2xx"): before["GET", "2xx"] + 8}
    assert [requests(host) for _ in range(4)] == [after] * 4
    shown = {key[1] for key in metrics(host) if key[0] == "omeroweb_process_resident_memory_bytes"}
    assert len(shown) == 5  # the master too

    def files() -> int:
        return int(host.run(f"ls {OMERODIR}/var/metrics/*.db | wc -l").stdout)

    most = max(files(), 2 * 2 * 4)  # two files of each old and each new worker
    for _ in range(3):
        reload(host)
    assert files() <= most


def test_the_metrics_tell_what_serves(host: Host) -> None:
    django(
        host,
        "from importlib import import_module; from django.conf import settings\n"
        "for _ in range(3): import_module(settings.SESSION_ENGINE).SessionStore().create()",
    )
    found = metrics(host)
    stored = host.run("omero-web-redis -n 1 dbsize")
    assert found["omeroweb_sessions",] == int(stored.stdout) >= 3
    assert found["omeroweb_session_store_up",] == 1
    assert found["omeroweb_redis_memory_used_bytes",] > 100_000
    (info,) = [key for key in found if key[0] == "omeroweb_info"]
    release = host.run("basename $(readlink /opt/omero/web/venv3)").stdout.strip()
    digest = host.run("omeroweb-ops config digest").stdout
    assert release in info
    assert digest[:12] in info
    numbers = worker_numbers(host)
    assert set(numbers.values()) == workers(host)
    for number, pid in numbers.items():
        told = host.run(f"awk '/^VmRSS/ {{print $2 * 1024}}' /proc/{pid}/status").stdout
        resident = found["omeroweb_process_resident_memory_bytes", number]
        assert resident == pytest.approx(float(told), rel=0.2)


def test_every_metric_is_documented_and_the_other_way_round(host: Host) -> None:
    text = ask(host, "metrics")[1]
    told = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    manual = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"\bomeroweb_\w+", manual))
    assert told <= documented
    parts = {re.sub("_(bucket|count|sum)$", "", name) for name in documented}
    # absent before the first, without TLS and without web_notify
    absent = ("clearsessions", "security_updates", "certificate", "doctor", "notify")
    assert {name for name in parts - told if not any(each in name for each in absent)} == set()


def worker_numbers(host: Host) -> dict[str, int]:
    """Number to process, of those that live."""
    lines = host.run(
        f"cd {OMERODIR}/var/metrics && for f in *.worker; do "
        '[ -d "/proc/$(cat $f)" ] && echo "${f%.worker} $(cat $f)"; done; true'
    ).stdout
    return {line.split()[0]: int(line.split()[1]) for line in lines.splitlines()}


def test_ready_follows_the_session_store_and_live_does_not(host: Host, folder: Path) -> None:
    assert ask(host, "live") == (200, "alive\n")
    status, body = ask(host, "ready")
    report = json.loads(body)
    assert (status, report["ready"], report["session_store"]) == (200, True, "ok")
    assert not report["omero_server"]["reached"]
    host.run("supervisorctl stop redis-server")
    try:
        status, body = ask(host, "ready")
        assert (status, json.loads(body)["ready"]) == (503, False)
        assert ask(host, "live") == (200, "alive\n")
        assert metrics(host)["omeroweb_session_store_up",] == 0
    finally:
        host.run("supervisorctl start redis-server")
    host.wait_until(lambda: ask(host, "ready")[0] == 200, 20, "Redis again")
    running = workers(host)
    deploy(docker_inventory(host, **SITE, web_ready_needs_server=True), cwd=folder)
    assert ask(host, "ready")[0] == 503  # no OMERO.server here
    assert workers(host) == running


def test_nothing_secret_is_told(host: Host) -> None:
    for what in ("live", "ready", "metrics"):
        body = ask(host, what)[1]
        assert body
        assert "hunter2" not in body


def test_no_spelling_lets_a_visitor_in(host: Host) -> None:
    paths = [
        f"{PREFIX}{path}"
        for path in (
            *("/ops/metrics", "//ops/metrics", "/%6fps/metrics", "/OPS/metrics", "/ops%2fmetrics"),
            *("/ops", "/ops//metrics", "/./ops/metrics", "/webclient/../ops/metrics"),
            *("/webclient/%2e%2e/ops/metrics", "/%256fps/metrics", "/ops;/metrics"),
        )
    ]
    for path in (*paths, f"/{PREFIX}/ops/metrics", "/%6fmero/ops/metrics", "/ops/metrics"):
        for headers in (
            {"X-Forwarded-For": "127.0.0.1"},
            {"PATH_INFO": "/ops/metrics", "SCRIPT_NAME": "", "Path-Info": "/ops/metrics"},
        ):
            connection = http.client.HTTPConnection(host.ip, timeout=30)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            assert b"omeroweb_" not in answer.read(), path
            assert answer.status != 200, path
            connection.close()


def test_as_a_django_app_it_serves_the_same_under_another_wsgi_server(host: Host) -> None:
    said = django(
        host,
        "from django.apps import AppConfig\n"
        "from django.test import RequestFactory\n"
        "from django.urls import resolve\n"
        "app = AppConfig.create('omeroweb_ops.ops')\n"
        "request = RequestFactory().get('/live')\n"
        "print(app.label, resolve('/live', f'{app.name}.urls').func(request).content.decode())",
    )
    assert said.split()[-2:] == ["ops", "alive"]
