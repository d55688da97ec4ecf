"""gunicorn's master clears expired sessions once a day."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.container import daily_clear
from omeroweb_ops.container.daily_clear import DAY, RETRY, START


class Master:
    """gunicorn's master, whose loop turns when the clock is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, result: Path) -> None:
        self.now, self.runs, self.result, self.murdered = 0.0, 0, result, 0
        self.writes = True
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now)
        monkeypatch.setattr(daily_clear, "time", clock)
        server: Any = SimpleNamespace(murder_workers=self._murder, log=logging.getLogger("test"))
        daily_clear.hook(result, self._run)(server)
        self._server = server

    def _murder(self) -> None:
        self.murdered += 1

    def _run(self) -> None:
        self.runs += 1
        if self.writes:
            self.result.touch()
            os.utime(self.result, (self.now, self.now))

    def at(self, now: float) -> int:
        self.now = now
        self._server.murder_workers()
        return self.runs


def test_it_runs_soon_after_the_first_start_and_then_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = Master(monkeypatch, tmp_path / "result")
    runs = [master.at(second) for second in range(0, 3 * DAY, 60)]
    assert runs[0] == 0
    assert runs[-1] == 3
    assert master.murdered == len(runs)


@given(age=st.integers(-2 * DAY, 2 * DAY))
def test_a_restart_neither_repeats_nor_prevents_a_run(
    tmp_path_factory: pytest.TempPathFactory, age: int
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        result = tmp_path_factory.mktemp("var") / "result"
        result.touch()
        master = Master(monkeypatch, result)
        os.utime(result, (START + 3 * DAY - age, START + 3 * DAY - age))
        assert master.at(START + 3 * DAY) == (0 if 0 <= age < DAY else 1)


def test_a_run_without_a_result_is_repeated_after_an_hour_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = Master(monkeypatch, tmp_path / "result")
    master.writes = False
    runs = [master.at(second) for second in range(0, 3 * RETRY, 30)]
    assert runs[-1] == 3


def test_what_cannot_start_does_not_end_the_master(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily_clear, "START", 0)
    monkeypatch.setattr(daily_clear, "COMMAND", (str(tmp_path / "absent"),))
    server = SimpleNamespace(murder_workers=lambda: None, log=logging.getLogger("test"))
    daily_clear.hook(tmp_path / "result")(server)
    server.murder_workers()
    assert "clearsessions cannot start" in caplog.text
