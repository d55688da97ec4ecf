"""Clearing out session files, beside Django's own file backend on a copy of the same folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.contrib.sessions.backends.file import SessionStore
from django.core import signing
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.property_names import ADDITIONAL_SETTINGS
from omeroweb_ops.sessions import command, files, store
from omeroweb_ops.sessions.store import JSON, Store
from omeroweb_ops.state import config_xml
from omeroweb_ops.state.derived import FILE_ENGINE
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine

AGE = 3600
FILE = Store(FILE_ENGINE, JSON, "sessionid", AGE, Path("/nonexistent"))
DATA = {"connector": {"user": "ada", "key": "é" * 9}, "clipboard": list(range(50))}
HOURS = [-2, -1.01, -0.99, 0, 2]  # around AGE, never so near to it that the clock decides


@pytest.fixture(scope="module", autouse=True)
def _django() -> None:
    settings.configure(
        SECRET_KEY="k" * 50,
        SESSION_ENGINE=FILE_ENGINE,
        SESSION_COOKIE_AGE=AGE,
        INSTALLED_APPS=["django.contrib.sessions"],
        LOGGING_CONFIG=None,
    )
    django.setup()


def use(folder: Path) -> Store:
    """Lead Django's backend and ours to this folder."""
    SessionStore._storage_path = str(folder)
    return Store(FILE.engine, FILE.serializer, FILE.prefix, FILE.age, folder)


def moment(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


expiries = st.one_of(
    st.sampled_from([None, 0, 1, -1, 10**9, -(10**9), 0.5, False, True, ""]),
    st.sampled_from(HOURS).map(moment),
)
sessions = st.builds(
    lambda data, own, key: {**data, **({"_session_expiry": own} if key else {})},
    st.sampled_from([{}, DATA, {"text": "_session_expiry"}, {"deeper": {"_session_expiry": 1}}]),
    expiries,
    st.booleans(),
)
encoded = st.builds(
    lambda data, compress: signing.dumps(
        data, salt="django.contrib.sessions.SessionStore", compress=compress
    ).encode(),
    sessions,
    st.booleans(),
)
spoiled = st.one_of(
    encoded.map(lambda text: text[:-3]),
    encoded.map(lambda text: text[5:]),
    encoded.map(lambda text: text + b"\n"),
    encoded.map(lambda text: b"." + text),
    st.text(st.characters(max_codepoint=127), max_size=40).map(str.encode),
    st.just(b""),
)
names = st.one_of(
    st.text("abcdef0123456789", min_size=32, max_size=32).map("sessionid{}".format),
    st.sampled_from(
        ["sessionid", "sessionidshort12", "sessionidshort7", "sessionidabcdefgh_out_x1",
         "sessionidABCDEFGHIJ", "sessionid-abcdefgh.", "csrftoken12345678", "readme", ".sessionid"]
    ),
)  # fmt: skip
kinds = st.sampled_from(
    ["file"] * 8 + ["folder", "unreadable", "link", "link to nothing", "link to a folder"]
)
folders = st.dictionaries(
    names, st.tuples(kinds, st.one_of(encoded, spoiled), st.sampled_from(HOURS)), max_size=8
)


def fill(folder: Path, content: dict[str, tuple[str, bytes, float]]) -> None:
    """Make the files. What links lead to lies beside, for it is nobody's session."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(parents=True)
    for name, (kind, text, hours) in content.items():
        path, target = folder / name, elsewhere / name
        match kind:
            case "folder":
                path.mkdir()
            case "link to nothing":
                path.symlink_to("nothing")
            case "link to a folder":
                path.symlink_to("elsewhere")
            case _:
                written = target if kind == "link" else path
                written.write_bytes(text)
                os.utime(written, (time.time() + hours * AGE,) * 2)
                if kind == "unreadable":  # for all but root
                    path.chmod(0)
                if kind == "link":
                    path.symlink_to(target.relative_to(folder))


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@given(folders)
def test_what_is_left_is_what_django_leaves(content: dict[str, tuple[str, bytes, float]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        theirs, ours = Path(name, "theirs"), Path(name, "ours")
        fill(theirs, content)
        fill(ours, content)
        before = len(below(ours))
        use(theirs)
        SessionStore.clear_expired()
        count = files.clear(use(ours), 1)
        assert below(ours) == below(theirs)
        assert count.removed == before - len(below(ours))
        assert count.unreadable == 0


def write(folder: Path, name: str, text: bytes, hours: float = 0) -> None:
    path = folder / f"sessionid{name}"
    path.write_bytes(text)
    os.utime(path, (time.time() + hours * AGE,) * 2)


@pytest.mark.parametrize("shares", [1, 3])
def test_each_file_is_looked_at_by_one_process(tmp_path: Path, shares: int) -> None:
    for number in range(200):
        write(tmp_path, f"{number:032d}", signing.dumps(DATA).encode(), -2 if number % 3 else 0)
    write(tmp_path, "shortened", signing.dumps({}).encode(), -2)
    os.mkfifo(tmp_path / "sessionidapipe123")
    (tmp_path / "readme").touch()
    used = use(tmp_path)
    assert files.clear(used, shares) == files.Count(removed=134, kept=67)
    assert len([*tmp_path.iterdir()]) == 67 + 2  # the pipe and what is not a session's


def signed(data: dict[str, Any]) -> bytes:
    text: str = signing.dumps(data, salt="django.contrib.sessions.SessionStore")
    return text.encode()


@pytest.mark.parametrize("expiry", [None, "no date", "2026-01-01T00:00:00", [1]])
def test_what_ends_django_s_own_command_is_kept_and_the_rest_is_cleared(
    tmp_path: Path, expiry: object
) -> None:
    write(tmp_path, "unreadable", signed({"_session_expiry": expiry}) if expiry else b"\xff", -2)
    used = use(tmp_path)
    with pytest.raises((TypeError, ValueError)):
        SessionStore.clear_expired()
    write(tmp_path, "expired1", b"x", -2)
    assert files.clear(used, 1) == files.Count(removed=1, kept=1, unreadable=1)


def test_a_file_that_unpacks_to_more_than_memory_should_hold_is_judged_by_django(
    tmp_path: Path,
) -> None:
    text = signing.dumps({"a": "x" * 3_000_000}, compress=True).encode()
    write(tmp_path, "wrongsalt", text, -2)
    assert len(text) < 10_000
    assert files.clear(use(tmp_path), 1).removed == 1


def test_a_link_into_another_folder_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    folder, target = tmp_path / "sessions", tmp_path / "precious"
    folder.mkdir()
    target.write_text("x")
    os.utime(target, (0, 0))
    (folder / "sessionidabcdefgh").symlink_to(target)
    assert files.clear(use(folder), 1).removed == 1
    assert target.exists()


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
) -> None:
    for number in range(3):
        write(tmp_path, f"{number:032d}", b"x", -2)
    monkeypatch.setattr(files, "_EVERY", 0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    files.clear(use(tmp_path), 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"... about {number} removed, 0 kept" for number in (1, 2, 3) if terminal]


@pytest.fixture
def installed(engine: Engine) -> Engine:
    engine.locations.logs.mkdir(parents=True)
    engine.locations.sessions.mkdir()
    found = {"SESSION_FILE_PATH": str(engine.locations.sessions), "CSRF_COOKIE_PATH": "/omero"}
    engine.apply(Desired({**PROPERTIES, ADDITIONAL_SETTINGS: [[*pair] for pair in found.items()]}))
    use(engine.locations.sessions)
    return engine


PROPERTIES = {
    "omero.web.session_cookie_age": AGE,
    "omero.web.session_cookie_name": "omero",
    "omero.web.apps": ["corsheaders"],
}


def test_the_result_is_told_logged_and_kept_for_programs(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = installed.locations.sessions
    for name, hours in (("omeroaaaaaaaa", -2), ("omerobbbbbbbb", 0), ("sessionidaaaaaaaa", -2)):
        (folder / name).write_bytes(signed(DATA))
        os.utime(folder / name, (time.time() + hours * AGE,) * 2)
    assert command.clear(installed) == 0
    assert below(folder) == ["omerobbbbbbbb", "sessionidaaaaaaaa"]
    said = f"done: 1 expired sessions removed from {folder}, 1 kept"
    assert capsys.readouterr().out == f"Clearing expired sessions... {said}\n"
    assert said in (installed.locations.logs / "clearsessions.log").read_text()
    kept = json.loads(installed.locations.cleared.read_text())
    assert datetime.fromisoformat(kept.pop("time")).tzinfo is not None
    assert kept.pop("seconds") >= 0
    assert kept == {"removed": 1, "kept": 1, "failed": None}


def test_what_failed_is_told_logged_and_kept_for_programs(installed: Engine) -> None:
    installed.locations.sessions.rmdir()
    assert command.clear(installed) == 1
    assert "failed" in (installed.locations.logs / "clearsessions.log").read_text()
    kept = json.loads(installed.locations.cleared.read_text())
    assert "FileNotFoundError" in kept["failed"]
    assert kept["removed"] is None


def test_a_full_disk_is_told_with_the_file_and_leaves_none(
    installed: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    assert command.clear(installed) == 1
    told = capsys.readouterr()
    assert "done: 0 expired sessions" in told.out
    assert f"cannot write {installed.locations.cleared}: No space left on device" in told.err
    var = installed.locations.omerodir / "var"
    assert [*var.glob("clearsessions.json*")] == []
    assert (var / "clearsessions.lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "changed",
    [
        {"omero.web.apps": '["an_app_with_settings"]'},
        {"omero.web.session_cookie_age": "a day"},
        {ADDITIONAL_SETTINGS: '[["SESSION_COOKIE_AGE", 9]]'},
        {ADDITIONAL_SETTINGS: "no list"},
    ],
)
def test_what_the_properties_do_not_say_alone_is_asked_of_django(
    installed: Engine, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    assert store.find(installed).prefix == "omero"
    again = Engine(installed.locations)
    config_xml.write(again.locations.config_xml, {**installed.current, **changed})
    with monkeypatch.context() as patch:
        patch.setattr(settings, "SESSION_COOKIE_NAME", "djangos")
        patch.setattr(settings, "SESSION_FILE_PATH", "/somewhere")
        found = store.find(again)
    assert (found.prefix, found.age, found.folder) == ("djangos", AGE, Path("/somewhere"))


def test_a_store_of_another_form_is_left_to_django(
    installed: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "omero.web.session_serializer"
    config_xml.write(installed.locations.config_xml, {**installed.current, name: "other.Form"})
    again = Engine(installed.locations)
    assert not store.find(again).in_files
    assert command.clear(again) == 0
    assert json.loads(again.locations.cleared.read_text())["removed"] is None


# Processes that never come to an end, and say where they are.
SLOW = """
import os, pathlib, sys, time
from omeroweb_ops import cli
from omeroweb_ops.sessions import files

def wait(store, folder, name, count):
    pathlib.Path(os.environ["STARTED"], str(os.getpid())).touch()
    time.sleep(100)

files._clear_file = wait
os.sched_getaffinity = lambda _process: {0, 1}
sys.exit(cli.main(["sessions", "clear"]))
"""


@pytest.fixture
def clearing(installed: Engine, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, with two processes at work."""
    started = tmp_path / "started"
    started.mkdir()
    for last in "ab":
        (installed.locations.sessions / f"omeroaaaaaaa{last}").touch()
    known = {
        "OMERODIR": str(installed.locations.omerodir),
        "OMEROWEB_OPS_DESIRED": str(installed.locations.desired_state),
        "STARTED": str(started),
    }
    with subprocess.Popen(
        [sys.executable, "-c", SLOW],
        env=os.environ | known,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a run in the background ignores it, and so would the command
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        soon(lambda: len([*started.iterdir()]) == 2)
        try:
            yield process
        finally:
            process.kill()
            for left in started.iterdir():
                with suppress(ProcessLookupError):
                    os.kill(int(left.name), signal.SIGKILL)


def soon(come: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not come():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_run_leaves_nothing_that_stops_the_next(
    clearing: subprocess.Popen[str], installed: Engine
) -> None:
    assert not lockable(installed)
    clearing.kill()
    soon(lambda: lockable(installed))


def test_ctrl_c_ends_it_with_a_line_in_the_log(
    clearing: subprocess.Popen[str], installed: Engine
) -> None:
    clearing.send_signal(signal.SIGINT)
    said, complained = clearing.communicate(timeout=10)
    assert clearing.returncode == 130
    assert said == "Clearing expired sessions... interrupted\n"
    assert complained == "omeroweb-ops: interrupted\n"
    assert "interrupted" in (installed.locations.logs / "clearsessions.log").read_text()


def lockable(engine: Engine) -> bool:
    with open(engine.locations.omerodir / "var" / "clearsessions.lock", "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
