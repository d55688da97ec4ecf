"""What stands at a path, asked by a real shell."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from roles.operations.files import Absent, Directory, File, Link
from roles.operations.sync import PathStates
from tests.operations.local import OWNER, ask

ODD = ["with space", "quote'd", 'double"d', "dollar$HOME", "back\\slash", "ümläut", "-dash", "a*"]


def states(*paths: Path) -> list[str]:
    found = ask(PathStates, paths=tuple(str(path) for path in paths))
    assert isinstance(found, list)
    return found


def test_every_kind_is_told_in_the_form_of_the_items(tmp_path: Path) -> None:
    file, folder, link = tmp_path / "file", tmp_path / "folder", tmp_path / "link"
    file.write_text("content\n")
    file.chmod(0o640)
    folder.mkdir(mode=0o750)
    link.symlink_to("file")
    assert states(file, folder, link, tmp_path / "gone") == [
        File(str(file), "content\n", OWNER, "640").state,
        Directory(str(folder), OWNER, "750").state,
        Link(str(link), "file").state,
        Absent(str(tmp_path / "gone")).state,
    ]


def test_a_file_s_state_is_its_mode_owner_and_the_digest_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\x00\xff\n")
    path.chmod(0o600)
    digest = hashlib.sha256(b"\x00\xff\n").hexdigest()
    assert states(path) == [f"file 600 {OWNER} {digest}"]


def test_a_link_is_told_as_a_link_wherever_it_leads(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, target in (("a", "folder"), ("b", "/nowhere at all")):
        (tmp_path / name).symlink_to(target)
    assert states(tmp_path / "a", tmp_path / "b") == ["link folder", "link /nowhere at all"]


@pytest.mark.parametrize("target", ["a\nabsent", "a\\nabsent", "a\n", "\udcff\x1b[2J"])
def test_a_link_s_target_makes_one_line_whatever_it_is(tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(target)
    state, other = states(tmp_path / "link", tmp_path / "gone")
    assert state.startswith("link ") and state.isprintable()
    assert other == "absent"


@pytest.mark.parametrize("name", ODD)
def test_any_name_is_asked_for_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x\n")
    (state,) = states(tmp_path / name)
    assert state.startswith("file ")


def test_a_special_mode_is_told(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    path.chmod(0o2755)
    assert states(path) == [f"directory 2755 {OWNER}"]


def test_what_is_neither_file_nor_folder_is_told_as_absent(tmp_path: Path) -> None:
    """So that an attempt to write there is made, and fails with the system's own words."""
    import os

    os.mkfifo(tmp_path / "pipe")
    assert states(tmp_path / "pipe") == ["absent"]


def test_no_paths_are_no_states() -> None:
    assert states() == []
