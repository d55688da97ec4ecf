"""What `omeroweb-ops status` finds on a host: each part by itself, from what really lies there."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops import cli
from omeroweb_ops.doctor import command as doctor_command
from omeroweb_ops.shared.expectations import Expectations
from omeroweb_ops.state import config_xml
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine
from omeroweb_ops.status import collect, local_files, ops_endpoints
from omeroweb_ops.status import command as status_command
from omeroweb_ops.status.model import Disk, Maintenance, SessionClearing, Unknown, try_read

from tests.unit.helpers import again, listening

READY = {
    "ready": True,
    "session_store": "ok",
    "omero_server": {"needed": False, "reached": True, "servers": {"omero:4064": "ok"}},
}
METRICS = """\
# TYPE omeroweb_http_requests_total counter
omeroweb_http_requests_total{method="GET",status="2xx"} 64.0
# TYPE omeroweb_info gauge
omeroweb_info{configuration="4e5a690e8283",release="e1552291b333",version="5.33.2"} 1.0
# TYPE omeroweb_process_resident_memory_bytes gauge
omeroweb_process_resident_memory_bytes{process="0"} 1.1948032e+08
# TYPE omeroweb_process_proportional_memory_bytes gauge
omeroweb_process_proportional_memory_bytes{process="master"} 2.1e+07
omeroweb_process_proportional_memory_bytes{process="0"} 9.6e+07
# TYPE omeroweb_sessions gauge
omeroweb_sessions 3.0
# TYPE omeroweb_redis_memory_used_bytes gauge
omeroweb_redis_memory_used_bytes 1.05168e+06
# TYPE omeroweb_redis_memory_max_bytes gauge
omeroweb_redis_memory_max_bytes 0.0
"""


class Handler(BaseHTTPRequestHandler):
    """Answers /omero/ops/ as a running OMERO.web with that prefix does."""

    def do_GET(self) -> None:
        answers = {"/omero/ops/ready": json.dumps(READY), "/omero/ops/metrics": METRICS}
        self.send_response(200 if self.path in answers else 500)
        self.end_headers()
        self.wfile.write(answers.get(self.path, "").encode())

    def log_message(self, format: str, *_arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with listening(Handler) as found:
        yield found


@pytest.fixture
def gunicorn() -> Iterator[int]:
    """A process of that name."""
    code = "import time; time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"print(flush=True); {code}", "gunicorn: worker"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()  # has its command line by now
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def deployed(engine: Engine, port: int = 1) -> Engine:
    desired = Desired(
        {"omero.web.application_server.port": port, "omero.web.prefix": "/omero"},
        append={"omero.web.ui.top_links": [["Help", "https://example.org", {}]]},
    )
    engine.locations.desired_state.write_text(desired.dump(), encoding="utf-8")
    engine.apply(desired)
    return again(engine)


def test_the_running_service_is_asked_below_its_prefix(engine: Engine, port: int) -> None:
    seen = collect.collect(deployed(engine, port))
    assert not isinstance(seen.ready, Unknown)
    assert seen.ready.ready
    assert seen.ready.servers == {"omero:4064": "ok"}
    assert not isinstance(seen.metrics, Unknown)
    assert seen.metrics.memory == {"master": 21_000_000, "0": 96_000_000}
    assert (seen.metrics.sessions, seen.metrics.redis_used) == (3, 1_051_680)
    assert seen.metrics.redis_max == 0


def test_a_service_that_is_down_or_not_ours_is_told_with_its_address(
    engine: Engine, port: int
) -> None:
    seen = collect.collect(deployed(engine, 1))
    assert isinstance(seen.ready, Unknown)
    assert seen.ready.unknown.startswith("http://127.0.0.1:1/omero/ops/ready does not answer")
    assert seen.metrics == seen.ready
    engine = deployed(engine, port)
    config_xml.write(engine.locations.config_xml, {"omero.web.application_server.port": str(port)})
    seen = collect.collect(again(engine))
    assert seen.ready == Unknown(f"http://127.0.0.1:{port}/ops/ready answers 500")


def test_a_broken_configuration_leaves_the_rest(engine: Engine, port: int) -> None:
    """What serves goes on with the configuration that it has loaded."""
    deployed(engine, port)
    release = engine.identity().split()[0]
    again(engine).state().write(engine.locations.kept(release))
    engine.locations.config_xml.write_text("<broken")
    seen = collect.collect(again(engine))
    assert isinstance(seen.configuration, Unknown)
    assert "config.xml is not readable XML" in seen.configuration.unknown
    assert seen.workers == seen.sessions == Unknown("without the configuration")
    assert not isinstance(seen.ready, Unknown)


def test_what_differs_from_the_last_deploy_is_named(engine: Engine) -> None:
    assert local_files.configuration(deployed(engine)).differs == ()
    properties = {**config_xml.read(engine.locations.config_xml)}
    links = json.loads(properties["omero.web.ui.top_links"])
    mine = ["Mine", "https://example.org", {}]
    properties |= {
        "omero.web.prefix": "/omero/",
        "omero.web.login_logo": "mine.png",
        "omero.web.ui.top_links": json.dumps([*links[:-1], mine, links[-1]]),
    }
    config_xml.write(engine.locations.config_xml, properties)
    found = local_files.configuration(again(engine))
    assert found.mistakes == ("omero.web.prefix",)  # NGINX depends on it
    properties["omero.web.prefix"] = "/omero"
    config_xml.write(engine.locations.config_xml, properties)
    found = local_files.configuration(again(engine))
    assert found.differs == found.mistakes == ()
    assert found.by_hand == ("omero.web.login_logo", "omero.web.ui.top_links")
    engine.locations.desired_state.write_text(Desired({"omero.web.page_size": 7}).dump())
    found = local_files.configuration(again(engine))
    assert "omero.web.page_size" in found.differs
    assert found.digest == again(engine).digest()


def test_workers_are_told_apart_by_what_they_have_loaded(engine: Engine, gunicorn: int) -> None:
    engine = deployed(engine)
    workers = engine.locations.workers
    workers.mkdir(parents=True)
    assert local_files.workers(engine).present == 0
    (workers / str(gunicorn)).write_text(engine.identity())
    (workers / "4194305").write_text(engine.identity())  # above the kernel's highest
    (workers / str(os.getppid())).write_text("its number was a worker's once")
    found = local_files.workers(engine)
    assert (found.present, found.older) == (1, 0)
    assert found.settled < 600
    assert found.up is not None
    assert found.up > 0
    (workers / str(gunicorn)).write_text("another release")
    long_ago = time.time() - 3600
    os.utime(engine.locations.config_xml, (long_ago, long_ago))
    found = local_files.workers(engine)
    assert (found.present, found.older) == (0, 1)
    assert found.settled > 3500


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, "file"),
        (
            {"session_engine": "django.contrib.sessions.backends.db"},
            "django.contrib.sessions.backends.db",
        ),
        (
            {
                "session_engine": "django.contrib.sessions.backends.cache",
                "caches": {"default": {"BACKEND": "django_redis.cache.RedisCache"}},
            },
            "redis",
        ),
    ],
)
def test_where_sessions_are(engine: Engine, properties: dict[str, object], expected: str) -> None:
    texts = {
        f"omero.web.{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in properties.items()
    }
    config_xml.write(engine.locations.config_xml, texts)
    assert local_files.sessions(again(engine)) == expected


def test_the_last_clearsessions(engine: Engine) -> None:
    path = engine.locations.cleared
    path.parent.mkdir(parents=True)
    assert local_files.cleared(engine.locations) is None
    path.write_text(
        '{"time": "2026-11-23T03:17:02+00:00", "removed": 214, "kept": 61, "seconds": 0.041, '
        '"failed": null}'
    )
    found = local_files.cleared(engine.locations)
    assert isinstance(found, SessionClearing)
    assert (found.removed, found.kept, found.failed) == (214, 61, None)
    assert found.time.timestamp() == 1795403822
    for broken in ("", "[]", "{}", '{"time": 7}'):
        path.write_text(broken)
        with pytest.raises(ValueError, match=r"clearsessions\.json is not readable"):
            local_files.cleared(engine.locations)


def test_a_file_system_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (found,) = local_files.disks(tmp_path, tmp_path / "var")
    assert isinstance(found, Disk)
    assert found.path == str(tmp_path)
    assert 0 < found.free <= found.size
    both = local_files.disks(tmp_path, Path("/proc"))
    assert [disk.path for disk in both] == [str(tmp_path), "/proc"]


def test_planned_maintenance_is_seen_where_nginx_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_files, "MAINTENANCE", tmp_path / "command")
    monkeypatch.setattr(local_files, "PLANNED", tmp_path)
    assert local_files.maintenance() is None
    (tmp_path / "command").write_text("")
    assert local_files.maintenance() is False
    (tmp_path / "planned").mkdir()
    (tmp_path / "planned" / "message").write_text("New\ndisks\n")
    assert local_files.maintenance() == Maintenance("New disks", "")
    (tmp_path / "planned" / "until").write_text("Friday, 18:00\n")
    assert local_files.maintenance() == Maintenance("New disks", "Friday, 18:00")


def test_a_look_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "_URL_TIMEOUT", 0.05)
    hold = threading.Event()
    assert collect.in_background(hold.wait)() == Unknown("no answer within 0.05 seconds")
    hold.set()
    assert collect.in_background(lambda: 7)() == 7


def test_metrics_of_another_version_are_no_mistake() -> None:
    assert ops_endpoints.read("").memory == {}
    assert ops_endpoints.read("omeroweb_new_total 1\n").sessions is None


def test_the_command_says_that_nothing_serves(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a host on which next to nothing is there."""
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))
    monkeypatch.setenv("OMEROWEB_OPS_DESIRED", str(engine.locations.desired_state))
    config_xml.write(engine.locations.config_xml, {"omero.web.application_server.port": "1"})
    assert cli.main(["status"]) == 2
    said = capsys.readouterr().out
    assert "DOES NOT SERVE" in said
    assert max(map(len, said.splitlines())) <= 80
    assert cli.main(["status", "--json"]) == 2
    whole = json.loads(capsys.readouterr().out)
    assert whole["status"] == "not serving"
    assert "desired.json" in whole["configuration"]["unknown"]


def test_a_pipe_in_the_place_of_a_report_is_named_at_once(engine: Engine) -> None:
    engine.locations.cleared.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(engine.locations.cleared)
    seen = try_read(lambda: local_files.cleared(engine.locations))
    assert seen == Unknown(f"{engine.locations.cleared}: is not a regular file")


class Dribbling(BaseHTTPRequestHandler):
    """Sends a byte now and then, so that no answer comes and no read is late."""

    def do_GET(self) -> None:  # the base class's name
        end = time.monotonic() + 20
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                self.wfile.write(b"H")
                time.sleep(0.1)

    do_OPTIONS = do_HEAD = do_POST = do_GET  # noqa: N815


@pytest.mark.parametrize(
    ("module", "said"), [(status_command, "not within 1 s"), (doctor_command, "")]
)
def test_a_command_ends_in_time_however_slowly_something_answers(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: Any,
    said: str,
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 1.0)
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))
    monkeypatch.setenv("OMEROWEB_OPS_DESIRED", str(engine.locations.desired_state))
    began = time.monotonic()
    with listening(Dribbling) as port:
        deployed(engine, port)
        site = Expectations(f"http://127.0.0.1:{port}/", tls="off", http_port=port)
        engine.locations.site.write_text(site.dump())
        cli.main(["status" if module is status_command else "doctor"])
    assert time.monotonic() - began < 15
    assert said in " ".join(" ".join(capsys.readouterr()).split())
