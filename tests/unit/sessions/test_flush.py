"""Flushing session files: all sessions, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops import cli
from omeroweb_ops.sessions import flush
from omeroweb_ops.sessions.store import JSON, Store
from omeroweb_ops.state.derived import FILE_ENGINE

names = st.one_of(
    st.from_regex(r"sessionid[a-z0-9]{8,32}", fullmatch=True),
    st.sampled_from(["sessionid", "other", "sessionidABCDEFGH", "xsessionidabcdefgh", ".keep"]),
)


@given(st.sets(names, max_size=12))
def test_every_session_and_no_other_file_is_removed(
    tmp_path_factory: pytest.TempPathFactory, found: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("sessions")
    store = Store(FILE_ENGINE, JSON, "sessionid", 60, folder)
    for name in found:
        (folder / name).write_text("data")
    sessions = {name for name in found if store.is_session(name)}
    assert flush.flush_files(store) == len(sessions)
    assert {each.name for each in folder.iterdir()} == found - sessions


def test_a_link_and_its_target_stay(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    folder = tmp_path / "sessions"
    folder.mkdir()
    (folder / "sessionidabcdefgh1").symlink_to(target)
    (folder / "sessionidabcdefgh2").mkdir()
    assert flush.flush_files(Store(FILE_ENGINE, JSON, "sessionid", 60, folder)) == 0
    assert len(list(folder.iterdir())) == 2
    assert target.read_text() == "kept"


def test_without_a_terminal_it_must_be_confirmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sessions", "flush"]) == flush.REFUSED
    said = capsys.readouterr()
    assert said.out == ""
    assert "add --yes" in said.err
