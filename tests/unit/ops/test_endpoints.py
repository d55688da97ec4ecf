"""What stands between gunicorn and OMERO.web, and what is answered there."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omeroweb_ops.locations import Locations
from omeroweb_ops.ops import metrics, middleware, readiness, session_store
from omeroweb_ops.ops.middleware import OpsHooks, OpsMiddleware
from omeroweb_ops.ops.request_metrics import RequestMetrics
from prometheus_client.parser import text_string_to_metric_families

from roles.inventory.settings import Settings
from roles.operations.files import Absent, File
from roles.web import health


class Counted(RequestMetrics):
    """Without files."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int]] = []

    def count(self, method: str, status: int, seconds: float) -> None:
        self.answers.append((method, status))


def ask(application: Any, path: str, method: str = "GET") -> tuple[str, Iterable[bytes]]:
    said: list[str] = []
    body = application(
        {"PATH_INFO": path, "REQUEST_METHOD": method},
        lambda status, _headers, _error=None: said.append(status),
    )
    return said[0], body


def omero_web(environ: dict[str, Any], start: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/breaks":
        raise ZeroDivisionError
    start("302 Found", [])
    return [b"OMERO.web"]


@pytest.mark.parametrize(
    "path", ["/", "/webclient/", "/ops", "//ops/live", "/OPS/live", "/%6fps/live", "/a/../ops/live"]
)
def test_everything_but_the_exact_address_is_omero_web_s_and_counted(path: str) -> None:
    """NGINX closes /ops/ by location; a spelling that it does not take for one is no way in."""
    requests = Counted()
    said, body = ask(OpsMiddleware(omero_web, "", requests), path, "HEAD")
    assert (said, body) == ("302 Found", [b"OMERO.web"])
    assert requests.answers == [("HEAD", 302)]


def test_the_app_s_own_addresses_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Counted()
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(middleware, "_answer", lambda environ, _start: given.append(environ))
    OpsMiddleware(omero_web, "digest", requests)(
        {"PATH_INFO": "/ops/live", "REQUEST_METHOD": "GET"}, print
    )
    assert given[0][middleware.CONFIGURATION] == "digest"
    assert requests.answers == []


def test_an_application_that_breaks_has_answered_500() -> None:
    requests = Counted()
    with pytest.raises(ZeroDivisionError):
        ask(OpsMiddleware(omero_web, "", requests), "/breaks")
    assert requests.answers == [("GET", 500)]


def test_a_count_is_there_before_the_answer() -> None:
    requests = Counted()
    seen: list[int] = []
    OpsMiddleware(omero_web, "", requests)(
        {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}, lambda *_: seen.append(len(requests.answers))
    )
    assert seen == [1]


def test_omero_web_serves_where_nothing_can_be_counted(tmp_path: Path) -> None:
    locations = Locations(tmp_path, tmp_path / "desired.json")
    locations.metrics.parent.mkdir()
    locations.metrics.write_text("no folder")
    warnings: list[object] = []
    worker = SimpleNamespace(
        wsgi=omero_web, log=SimpleNamespace(warning=lambda *said: warnings.append(said))
    )
    OpsHooks(locations, "").begin(worker)
    assert len(warnings) == 1
    assert ask(worker.wsgi, "/")[0] == "302 Found"


def test_what_cannot_be_cleared_keeps_no_master_from_starting(tmp_path: Path) -> None:
    locations = Locations(tmp_path, tmp_path / "desired.json")
    (locations.metrics / "a folder").mkdir(parents=True)
    warnings: list[object] = []
    server = SimpleNamespace(log=SimpleNamespace(warning=lambda *said: warnings.append(said)))
    OpsHooks(locations, "").start(server)
    assert len(warnings) == 1


# ready


def broken(text: str) -> Any:
    def check() -> None:
        raise ConnectionError(text)

    return check


@pytest.fixture
def server() -> Iterable[list[Any]]:
    """An entry of omero.web.server_list that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield ["127.0.0.1", listening.getsockname()[1], "omero"]


@pytest.fixture
def closed() -> list[Any]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return ["127.0.0.1", listening.getsockname()[1], "omero"]


def test_ready_is_what_the_session_store_says(
    monkeypatch: pytest.MonkeyPatch, closed: list[Any]
) -> None:
    monkeypatch.setattr(session_store, "check", lambda: None)
    found = readiness.report([closed], needs_server=False)
    assert found["ready"]
    assert found["omero_server"] == {
        "needed": False,
        "reached": False,
        "servers": {f"127.0.0.1:{closed[1]}": "Connection refused"},
    }
    monkeypatch.setattr(session_store, "check", broken("redis://:hunter2@10.0.0.1"))
    found = readiness.report([closed], needs_server=False)
    assert (found["ready"], found["session_store"]) == (False, "ConnectionError")
    assert "hunter2" not in json.dumps(found)


def test_where_the_omero_server_counts_one_of_them_is_enough(
    monkeypatch: pytest.MonkeyPatch, closed: list[Any], server: list[Any]
) -> None:
    monkeypatch.setattr(session_store, "check", lambda: None)
    assert not readiness.report([closed], needs_server=True)["ready"]
    assert readiness.report([closed, server], needs_server=True)["ready"]
    websocket = [f"wss://{server[0]}/omero-wss", *server[1:]]
    assert readiness.report([websocket], needs_server=True)["ready"]
    monkeypatch.setattr(session_store, "check", broken(""))
    assert not readiness.report([server], needs_server=True)["ready"]


def test_whether_the_server_counts_is_said_by_a_file_or_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locations = Locations(tmp_path, tmp_path / "desired.json")
    monkeypatch.setenv("OMEROWEB_READY_NEEDS_SERVER", "false")
    assert not readiness.needs_server(locations)
    monkeypatch.setenv("OMEROWEB_READY_NEEDS_SERVER", "true")
    assert readiness.needs_server(locations)
    monkeypatch.delenv("OMEROWEB_READY_NEEDS_SERVER")
    locations.needs_server.touch()
    assert readiness.needs_server(locations)


def test_the_file_is_there_where_the_inventory_wants_it() -> None:
    assert isinstance(health.item(Settings()), Absent)
    wanted = health.item(Settings(web_ready_needs_server=True))
    assert isinstance(wanted, File)
    assert wanted.path == health.item(Settings()).path


# metrics


def scraped(folder: Path, last: str | None = None) -> dict[str, float]:
    locations = Locations(folder, folder / "desired.json")
    locations.cleared.parent.mkdir(exist_ok=True)
    if last is not None:
        locations.cleared.write_text(last)
    families = text_string_to_metric_families(metrics.text(locations, "0123456789abcdef").decode())
    found = {}
    for family in families:
        assert family.name.startswith("omeroweb"), family
        assert family.documentation
        for sample in family.samples:
            found[sample.name] = sample.value
            if sample.name == "omeroweb_info":
                assert sample.labels["configuration"] == "0123456789ab"
    return found


def test_before_anything_has_happened_there_are_metrics(tmp_path: Path) -> None:
    found = scraped(tmp_path)
    assert found["omeroweb_info"] == 1
    assert found["omeroweb_workers"] == 0
    assert (
        found["omeroweb_session_store_up"] == 0
    )  # no Django here: the others are told all the same
    assert found["omeroweb_process_resident_memory_bytes"] > 1e6
    assert found["omeroweb_process_proportional_memory_bytes"] > 0
    assert not [name for name in found if "clearsessions" in name]


def test_the_last_clearsessions_is_told(tmp_path: Path) -> None:
    last = {"time": "2026-11-25T03:17:02+01:00", "removed": 12, "kept": 3, "seconds": 0.25}
    found = scraped(tmp_path, json.dumps({**last, "failed": False}))
    own = {name.split("_", 2)[2]: value for name, value in found.items() if "clearsess" in name}
    assert own == {
        "timestamp_seconds": 1795573022,
        "removed": 12,
        "kept": 3,
        "duration_seconds": 0.25,
        "failed": 0,
    }


def test_what_clearsessions_could_not_know_is_left_out(tmp_path: Path) -> None:
    found = scraped(
        tmp_path, '{"time": "2026-11-25T03:17:02+01:00", "removed": null, "failed": "no Redis"}'
    )
    assert found["omeroweb_clearsessions_failed"] == 1
    assert "omeroweb_clearsessions_removed" not in found


@pytest.mark.parametrize("last", ["", "{", "[]", "{}", '{"time": 5}', '{"time": "never"}'])
def test_a_file_that_is_not_readable_does_not_take_the_metrics_away(
    tmp_path: Path, last: str
) -> None:
    assert scraped(tmp_path, last)["omeroweb_info"] == 1


def test_memory_is_read_as_the_kernel_tells_it() -> None:
    rollup = "55d000-7ffd000 ---p 00000000 00:00 0   [rollup]\nRss:  1024 kB\nPss:   512 kB\n"
    assert metrics.memory(rollup) == {"Rss": 1 << 20, "Pss": 1 << 19}
