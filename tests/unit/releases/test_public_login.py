"""Whether OMERO.server lets the public user in."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.releases import public_login
from omeroweb_ops.releases.public_login import FAILED, LET_IN, REFUSED
from omeroweb_ops.shared import omero_server
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine

from tests.unit.helpers import installation

PASSWORD = "hunter2 of the public user"
# Stands for zeroc-ice and omero-py in the process that logs in; notes its arguments.
GLACIER2 = "class PermissionDeniedException(Exception):\n    pass\n"
OMERO = """
import pathlib, sys, time
import Glacier2
class client:
    def __init__(self, host, port):
        self.place = host, port
    def createSession(self, user, password):
        command = pathlib.Path("/proc/self/cmdline").read_bytes()
        environ = pathlib.Path("/proc/self/environ").read_bytes()
        assert password.encode() not in command + environ
        if password == "hangs":
            time.sleep(60)
        if user == "gone":
            raise Glacier2.PermissionDeniedException()
        if self.place != ("omero.example.org", 4064):
            raise RuntimeError(password)
    def closeSession(self):
        pass
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A port that takes connections, as that of an OMERO.server."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return installation(tmp_path)


def check(
    engine: Engine, answer: Callable[[str], str] | None = None, **properties: Any
) -> Finding | None:
    """What is found of a desired state. answer: of OMERO.server, for the account as JSON."""
    public = {
        "enabled": True,
        "user": "public",
        "password": PASSWORD,
        "url_filter": "^/webgateway/",
    }
    values: dict[str, Any] = {f"omero.web.public.{name}": each for name, each in public.items()}
    wanted = engine.plan(Desired({**values, **properties})).result(engine.current)
    unreachable = omero_server.problems(engine.value("omero.web.server_list", wanted))
    found = public_login.check(engine, wanted, unreachable, answer)
    assert found is None or PASSWORD not in str(found)
    return found


def servers(*ports: int) -> dict[str, Any]:
    return {"omero.web.server_list": [["127.0.0.1", port, f"at {port}"] for port in ports]}


def test_who_is_let_in_is_asked_once(engine: Engine, port: int) -> None:
    asked: list[str] = []

    def answer(account: str) -> str:
        asked.append(account)
        return LET_IN

    for _ in range(2):
        assert check(engine, answer, **servers(port)) is None
    assert [json.loads(each) for each in asked] == [["127.0.0.1", port, "public", PASSWORD]]
    assert PASSWORD not in engine.locations.public_login.read_text()
    other = {"omero.web.public.password": "another"}
    assert check(engine, answer, **servers(port), **other) is None
    assert len(asked) == 2


def test_who_is_refused_is_an_error_each_time(engine: Engine, port: int) -> None:
    for _ in range(2):
        found = check(engine, lambda _account: REFUSED, **servers(port))
        assert found and found.is_error
        assert found.subject == "omero.web.public.user"
        assert "refuses a login as 'public'" in found.message


def test_an_answer_that_fails_is_a_warning(engine: Engine, port: int) -> None:
    found = check(engine, lambda _account: FAILED, **servers(port))
    assert found and not found.is_error
    assert "the login failed" in found.message


def test_a_server_that_is_unreachable_is_a_warning_and_is_not_asked(engine: Engine) -> None:
    def answer(_account: str) -> str:
        raise AssertionError("asked")

    found = check(engine, answer, **servers(1))
    assert found and not found.is_error
    assert "Connection refused" in found.message


def test_the_server_is_that_of_the_public_user(engine: Engine, port: int) -> None:
    second = {"omero.web.public.server_id": 2}
    assert check(engine, lambda _account: LET_IN, **servers(1, port), **second) is None
    found = check(engine, None, **servers(port), **second)
    assert found and found.is_error
    assert "names server 2" in found.message


@pytest.mark.parametrize(
    "properties", [{"omero.web.public.enabled": False}, {"omero.web.public.user": None}]
)
def test_without_a_public_user_nobody_is_asked(engine: Engine, properties: dict[str, Any]) -> None:
    values = {name: value for name, value in properties.items() if value is not None}
    plan = engine.plan(Desired({"omero.web.public.enabled": True, **values}))
    assert public_login.check(engine, plan.result(engine.current), {}) is None


def test_a_missing_password_is_an_error(engine: Engine) -> None:
    plan = engine.plan(Desired({"omero.web.public.enabled": True, "omero.web.public.user": "x"}))
    found = public_login.check(engine, plan.result(engine.current), {})
    assert found and found.is_error
    assert found.subject == "omero.web.public.password"


@pytest.mark.parametrize(
    ("user", "host", "password", "answer"),
    [
        ("public", "omero.example.org", PASSWORD, LET_IN),
        ("gone", "omero.example.org", PASSWORD, REFUSED),
        ("public", "other.example.org", PASSWORD, FAILED),
        ("public", "omero.example.org", "hangs", FAILED),
    ],
    ids=["let in", "refused", "failed", "late"],  # pytest puts them into the environment
)
def test_the_process_that_logs_in_tells_a_word_and_shows_no_password(
    user: str,
    host: str,
    password: str,
    answer: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "omero.py").write_text(OMERO)
    (tmp_path / "Glacier2.py").write_text(GLACIER2)
    app = Path(public_login.__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{app}")
    if password == "hangs":
        monkeypatch.setattr(public_login, "LOGIN_TIMEOUT", 1.0)
    assert public_login._log_in(json.dumps([host, 4064, user, password])) == answer
