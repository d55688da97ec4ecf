"""Whether OMERO.web answers on its own port."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest
from omeroweb_ops import wait_ready
from omeroweb_ops.gunicorn.worker_registry import WorkerRegistry
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine

from tests.unit.helpers import listening


class Handler(BaseHTTPRequestHandler):
    """Answers as OMERO.web with the prefix /omero does, to a site's name or to any."""

    def do_GET(self) -> None:
        if self.headers["Host"] not in ("localhost", "images.example.org"):
            self.send_response(400)
        else:
            self.send_response(200 if self.path == "/omero/webclient/login/" else 500)
        self.end_headers()

    def log_message(self, format: str, *_arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with listening(Handler) as found:
        yield found


def properties(port: int, **others: object) -> Desired:
    return Desired(
        {
            "omero.web.application_server.port": port,
            **{f"omero.web.{name}": value for name, value in others.items()},
        }
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_login_page_below_the_prefix_is_asked_for(engine: Engine, port: int, host: str) -> None:
    engine.apply(properties(port, prefix="/omero", **{"application_server.host": host}))
    assert wait_ready.wait(engine, limit=10) is None


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [(["*"], True), (["images.example.org"], True), (["*", ".other.example.org"], False)],
)
def test_it_is_asked_by_a_name_that_it_answers_to(
    engine: Engine, port: int, allowed: list[str], expected: bool
) -> None:
    engine.apply(properties(port, prefix="/omero", allowed_hosts=allowed))
    assert (wait_ready.wait(engine, limit=0) is None) == expected


def test_an_error_is_told_with_its_address(engine: Engine, port: int) -> None:
    engine.apply(properties(port))
    problem = wait_ready.wait(engine, limit=0)
    assert problem == f"http://127.0.0.1:{port}/webclient/login/ answers 500"


def test_a_closed_port_is_told_with_its_address(engine: Engine, port: int) -> None:
    engine.apply(properties(1))
    problem = wait_ready.wait(engine, limit=0)
    assert problem is not None
    assert problem.startswith("http://127.0.0.1:1/webclient/login/ does not answer: ")


def test_after_a_reload_only_a_worker_with_the_present_configuration_counts(
    engine: Engine, port: int
) -> None:
    """The old workers go on answering while the new ones start, or fail to."""
    engine.apply(properties(port, prefix="/omero"))
    old = WorkerRegistry(engine.locations.workers, engine.identity())
    engine.apply(properties(port, prefix="/omero", page_size=7))
    worker = SimpleNamespace(pid=os.getpid(), log=None, accepting_ended=None)
    engine.locations.workers.parent.mkdir(parents=True, exist_ok=True)
    old.begin(worker)
    assert wait_ready.wait(engine, limit=10) is None
    assert "present release and configuration" in str(
        wait_ready.wait(engine, limit=2, current=True)
    )
    WorkerRegistry(engine.locations.workers, engine.identity()).begin(worker)
    assert wait_ready.wait(engine, limit=10, current=True) is None
    old.end(None, worker)
    assert wait_ready.wait(engine, limit=2, current=True) is not None
    ended = SimpleNamespace(
        pid=4194305, log=None, accepting_ended=None
    )  # above the kernel's highest
    WorkerRegistry(engine.locations.workers, engine.identity()).begin(ended)
    assert wait_ready.wait(engine, limit=2, current=True) is not None


def test_the_login_page_is_that_of_a_worker_that_has_just_started(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker names its login view between the request and the look at the workers."""
    engine.apply(Desired({"omero.web.page_size": 7}))
    worker = SimpleNamespace(pid=os.getpid(), log=None, accepting_ended=None)
    engine.locations.workers.parent.mkdir(parents=True, exist_ok=True)
    asked = []

    def ask(_host: str, _port: int, path: str, _name: str) -> None:
        asked.append(path)
        engine.locations.login_path.write_text("/sso/")
        WorkerRegistry(engine.locations.workers, engine.identity()).begin(worker)

    monkeypatch.setattr(wait_ready, "ask", ask)
    assert wait_ready.wait(engine, limit=10, current=True) is None
    assert asked == ["/webclient/login/", "/sso/"]


def test_a_gunicorn_that_gives_up_taking_over_is_not_waited_for(
    engine: Engine, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.apply(properties(port, prefix="/omero"))
    monkeypatch.setattr(wait_ready, "GRACE", 0.3)
    assert "has ended" not in str(wait_ready.wait(engine, limit=1, current=True))  # there was none
    environment = os.environ | {"GUNICORN_PID": str(os.getpid())}
    with subprocess.Popen(["sleep", "1"], env=environment) as taking_over:
        began = time.monotonic()
        problem = wait_ready.wait(engine, limit=600, current=True)
        assert time.monotonic() - began > 0.5
        assert taking_over.wait(10) == 0
    assert str(problem).endswith("configuration; the gunicorn that was to take over has ended")


def test_a_file_that_is_no_worker_s_holds_nobody_up(engine: Engine, port: int) -> None:
    """A file may have any process ID, for example that of process 1."""
    engine.apply(properties(port, prefix="/omero"))
    engine.locations.workers.mkdir(parents=True)
    WorkerRegistry(engine.locations.workers, engine.identity()).begin(
        SimpleNamespace(pid=os.getpid(), log=None, accepting_ended=None)
    )
    (engine.locations.workers / "1").write_text("another state")
    began = time.monotonic()
    assert wait_ready.wait(engine, limit=60, current=True) is None
    assert time.monotonic() - began < wait_ready.RETIREMENT


def test_a_pipe_in_a_worker_s_place_holds_nobody_up(engine: Engine, port: int) -> None:
    engine.apply(properties(port, prefix="/omero"))
    engine.locations.workers.mkdir(parents=True)
    os.mkfifo(engine.locations.workers / "1")
    began = time.monotonic()
    problem = wait_ready.wait(engine, limit=0.5, current=True)
    assert time.monotonic() - began < 3
    assert "present release and configuration" in str(problem)
    WorkerRegistry(engine.locations.workers, engine.identity()).begin(
        SimpleNamespace(pid=os.getpid(), log=None, accepting_ended=None)
    )
    assert wait_ready.wait(engine, limit=10, current=True) is None


class Slow(BaseHTTPRequestHandler):
    """Answers a byte at a time, for ever: no step of it takes long."""

    def do_GET(self) -> None:
        try:
            while True:
                self.wfile.write(b"H")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, format: str, *_arguments: object) -> None:
        pass


def test_no_answer_can_take_longer_than_the_limit(engine: Engine) -> None:
    with listening(Slow) as slow:
        engine.apply(properties(slow))
        began = time.monotonic()
        problem = wait_ready.wait(engine, limit=1)
        assert 0.9 < time.monotonic() - began < 5
        assert "does not answer: not within 1 s" in str(problem)
