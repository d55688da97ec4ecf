"""What the survey tells in advance: the same as a question of its own would, and never too late."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pyinfra.api import State
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.operations import server

from roles.operations import prefetch, prefetch_store
from roles.operations.files import Absent, File
from roles.operations.packages import MissingPackages
from roles.operations.sync import PathStates, sync
from tests.operations.local import OWNER, ROOT, ask, shell

NAMES = ("dpkg", "base-files", "no-such-package-anywhere")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is asked about, with one of each kind."""
    monkeypatch.setattr(
        prefetch, "PREFETCHED_PATHS", (str(tmp_path), f"{tmp_path}/*", f"{tmp_path}/sub/*.conf")
    )
    (tmp_path / "file").write_bytes(b"\x00\xff no line's end")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "with space").write_text("x\n")
    (tmp_path / "sub").mkdir(mode=0o750)
    (tmp_path / "sub" / "a.conf").write_text("a\n")
    (tmp_path / "sub" / "a.txt").touch()
    (tmp_path / "link").symlink_to("where it leads")
    (tmp_path / ".hidden").touch()
    return tmp_path


# The functions of survey.sh, without the rest of it.
FUNCTIONS = (ROOT / "roles/survey/survey.sh").read_text().partition("command_line()")[0]


def lines() -> list[str]:
    done = shell(FUNCTIONS + prefetch.script(NAMES), stdin="N\n")
    return [line.removeprefix("N ") for line in done.stdout.splitlines()]


def tell() -> prefetch.PrefetchedFacts:
    return prefetch.read(lines())


def test_paths_are_told_as_they_would_be_asked(folder: Path) -> None:
    found = tell()
    paths = [folder, *(folder / name for name in ("file", "with space", "sub", "link", "gone"))]
    paths += [folder / "sub" / name for name in ("a.conf", "b.conf")]
    names = tuple(map(str, paths))
    assert [found.state(name) for name in names] == ask(PathStates, paths=names)


@pytest.mark.parametrize("name", ["sub/a.txt", "sub/gone.txt", "sub/sub/a.conf", ".hidden", "../x"])
def test_what_no_pattern_covers_is_not_told(folder: Path, name: str) -> None:
    assert tell().state(f"{folder}/{name}") is None


def test_packages_are_told_as_they_would_be_asked(folder: Path) -> None:
    found = tell()
    assert found.missing(NAMES) == ask(MissingPackages, names=NAMES) == [NAMES[2]]
    assert found.missing(["bash"]) is None


def test_an_answer_that_was_cut_tells_nothing(folder: Path) -> None:
    whole = lines()
    for count in range(len(whole)):
        found = prefetch.read(whole[:count])
        assert found.state(str(folder / "file")) is None
        assert found.missing(NAMES) is None
        assert not found.user


@pytest.mark.parametrize("commands", [(), ("true",)])
def test_an_answer_holds_until_a_command_has_run(state: State, commands: tuple[str, ...]) -> None:
    (host,) = state.inventory
    known = prefetch.PrefetchedFacts({"/etc/omero-web.nft": "absent"}, user=True)
    assert prefetch_store.current(host) is prefetch.NO_FACTS
    prefetch_store.remember(host, known)
    add_op(state, server.shell, commands=commands)
    assert prefetch_store.current(host) is known
    run_ops(state)
    assert prefetch_store.current(host) is (prefetch.NO_FACTS if commands else known)


def test_what_was_absent_is_written_without_another_question(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if an operation has created it. What is to be absent is asked."""
    (host,) = state.inventory
    written, removed = tmp_path / "written", tmp_path / "removed"
    monkeypatch.setattr(prefetch, "PREFETCHED_PATHS", (f"{tmp_path}/*",))
    prefetch_store.remember(host, prefetch.PrefetchedFacts({}))
    asked: list[tuple[str, ...]] = []
    command = PathStates.command

    def noted(fact: PathStates, paths: tuple[str, ...]) -> str:
        asked.append(paths)
        return command(fact, paths)

    monkeypatch.setattr(PathStates, "command", noted)
    add_op(state, server.shell, commands=[f"umask 0; echo other > {written}; touch {removed}"])
    add_op(state, sync, [File(str(written), "ours\n", OWNER, "640")])
    add_op(state, sync, [Absent(str(removed))])
    run_ops(state)
    assert written.read_text() == "ours\n"
    assert written.stat().st_mode & 0o777 == 0o640
    assert not removed.exists()
    assert set(asked) == {(str(removed),)}


def test_an_answer_does_not_outlive_a_question_to_a_person(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    (host,) = state.inventory
    prefetch_store.remember(host, prefetch.PrefetchedFacts({}))
    assert prefetch_store.current(host) is not prefetch.NO_FACTS
    later = time.monotonic() + prefetch_store.MAX_AGE + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert prefetch_store.current(host) is prefetch.NO_FACTS


def test_a_release_that_is_not_as_it_was_built_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that a power cut has emptied, or a Python that has gone with its packages."""
    release, current = folder / "release", folder / "current"
    current.symlink_to(release)
    monkeypatch.setattr(prefetch, "CURRENT", current)
    monkeypatch.setattr(prefetch, "PREFETCHED_PATHS", (f"{folder}/*/complete",))
    for name in ("bin", "lib/python3.11"):
        (release / name).mkdir(parents=True)
    python = folder / "python3.11"
    python.touch(mode=0o755)
    (release / "bin" / "python").symlink_to(python)
    code = release / "lib" / "code.py"
    code.write_text("x = 1\n")
    complete = release / "complete"

    def state() -> str:
        return str(tell().state(str(complete)))

    complete.touch()
    assert state().startswith("file ")  # an older bundle noted nothing
    complete.write_text(shell(f"{prefetch.RELEASE_FILES}measure {release}").stdout)
    assert state().startswith("file ")
    code.write_text("")
    assert state() == prefetch.DAMAGED
    code.write_text("x = 2\n")
    assert state().startswith("file ")
    (added := code.with_name("added.py")).write_text("somebody's own")  # no damage
    assert state().startswith("file ")
    added.unlink()
    python.unlink()
    assert state() == prefetch.DAMAGED
    python.with_name("python3.13").touch(mode=0o755)
    (release / "bin" / "python").unlink()
    (release / "bin" / "python").symlink_to(python.with_name("python3.13"))
    assert state() == prefetch.DAMAGED
    current.unlink()
    assert state().startswith("file ")
