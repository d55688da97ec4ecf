"""Files, directories and links brought to their state, on this machine in a test's folder."""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyinfra.api.exceptions import PyinfraError

from roles.operations.files import Absent, Directory, File, Item, Link, in_one
from roles.operations.sync import sync
from tests.operations.local import OWNER, names, programs, pyinfra, run, shell

CONTENTS = {
    "quotes": 'it\'s "quoted" `so` $(touch hacked) $HOME \\n %s\n',
    "unicode": "ümläut 日本語 🔬\n",
    "lines": "\n\n  two\n\tthree \n\n",
    "carriage returns": "dos\r\nfile\r\n",
    "here document": "EOF\nSURVEY\n'\"\n",
    "big": "0123456789abcde\n" * 20_000,  # more than a pipe holds
    "nothing": "",
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def item_s_command(item: Item) -> str:
    (command,) = in_one([item])
    return command.text


def test_everything_is_made_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    (tmp_path / "dangling").symlink_to("nowhere")
    items = [
        Directory(f"{tmp_path}/a folder/deeper", OWNER, "750"),
        File(f"{tmp_path}/a folder/deeper/file", "content\n", OWNER, "640"),
        Link(f"{tmp_path}/link", "a folder/deeper"),
        Absent(f"{tmp_path}/old"),
        Absent(f"{tmp_path}/dangling"),
        Absent(f"{tmp_path}/never was"),
    ]
    assert run(sync, items=items) is True
    assert names(tmp_path) == ["a folder", "link"]
    assert mode(tmp_path / "a folder/deeper") == 0o750
    assert (tmp_path / "link/file").read_text() == "content\n"
    assert mode(tmp_path / "link/file") == 0o640
    before = (tmp_path / "link/file").stat()
    assert run(sync, items=items) is False
    assert (tmp_path / "link/file").stat() == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root's links are kept")
def test_a_link_of_root_s_to_another_disk_is_kept(tmp_path: Path) -> None:
    (tmp_path / "another disk").mkdir()
    (tmp_path / "web").symlink_to("another disk")
    items = [Directory(f"{tmp_path}/web"), Directory(f"{tmp_path}/web/releases")]
    assert run(sync, items=items) is True
    assert (tmp_path / "another disk/releases").is_dir()
    assert run(sync, items=items) is False
    os.lchown(tmp_path / "web", 1000, 1000)
    with pytest.raises(PyinfraError):
        run(sync, items=items)


def test_a_file_is_on_disk_before_it_takes_its_place(tmp_path: Path) -> None:
    """rename(2) alone may leave an empty file after a power cut."""
    path = tmp_path / "file"
    path.write_text("old\n")
    note = f'cat "$1" {path} > {tmp_path}/noted; [ "$1" = {path}.new ] && exec /usr/bin/sync "$1"'
    item = File(str(path), "new\n", OWNER)
    command = item_s_command(item)
    stand_ins = programs(tmp_path / "bin", sync=note)
    assert shell(command, stdin=item.content, stand_ins=stand_ins).returncode == 0
    assert (tmp_path / "noted").read_text() == "new\nold\n"
    assert path.read_text() == "new\n"
    failing = programs(tmp_path / "bin", sync="exit 1")  # a disk that refuses
    assert shell(command, stdin=item.content, stand_ins=failing).returncode != 0


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_any_content_arrives_as_it_is_and_then_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'it\'s a "file"'
    items = [File(str(path), content, OWNER)]
    assert run(sync, items=items) is True
    assert path.read_bytes() == content.encode()
    assert names(tmp_path) == [path.name]
    assert run(sync, items=items) is False


@pytest.mark.parametrize("content", [b"", b"no end", b"\x89PNG\r\n\0\xff", bytes(range(256)) * 999])
def test_any_bytes_arrive_as_they_are_and_then_stay(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture"
    made = File.of(str(path), content)
    items = [File(made.path, made.content, OWNER, made.mode, made.binary)]
    assert run(sync, items=items) is True
    assert path.read_bytes() == content
    assert run(sync, items=items) is False


def test_bytes_that_are_cut_while_sending_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_text("old\n")
    item = File.of(str(path), b"\xff" * 1000)
    shell(item_s_command(item), stdin=item.content[: len(item.content) // 77 * 38])
    assert path.read_text() == "old\n"


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(
    lambda text: text and text + "\n"
)


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXTS | st.binary(max_size=5000), min_size=1, max_size=9))
def test_files_that_are_sent_together_have_their_own_contents(contents: list[str | bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        items: list[Item] = [Directory(f"{folder}/below", OWNER)]
        expected = {}
        for number, content in enumerate(contents):
            path = f"{folder}/below/{number}"
            if isinstance(content, bytes):
                sent = File.of(path, content)
                items.append(File(path, sent.content, OWNER, binary=True))
            else:
                items.append(File(path, content, OWNER))
            expected[path] = content if isinstance(content, bytes) else content.encode()
        (command,) = in_one(items)
        done = shell(command.text, stdin=command.stdin or "")
        assert (done.returncode, done.stderr) == (0, "")
        assert {path: Path(path).read_bytes() for path in expected} == expected
        assert len(os.listdir(f"{folder}/below")) == len(expected)


def test_an_error_ends_what_is_sent_together(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    (tmp_path / "third").write_text("old\n")
    items = [
        File(f"{tmp_path}/{name}", f"{name}\n", OWNER) for name in ("first", "second", "third")
    ]
    (command,) = in_one(items)
    done = shell(command.text, stdin=command.stdin or "")
    assert done.returncode != 0
    assert "second" in done.stderr
    assert (tmp_path / "first").read_text() == "first\n"
    assert (tmp_path / "third").read_text() == "old\n"


def test_what_is_cut_while_sending_leaves_the_later_files_as_they_were(tmp_path: Path) -> None:
    items = [File(f"{tmp_path}/{name}", f"{name} of this\n" * 99, OWNER) for name in "ab"]
    for each in items:
        Path(each.path).write_text("old\n")
    (command,) = in_one(items)
    assert command.stdin
    done = shell(command.text, stdin=command.stdin[: len(items[0].content) + 5])
    assert done.returncode != 0
    assert (tmp_path / "a").read_text() == items[0].content
    assert (tmp_path / "b").read_text() == "old\n"


def test_no_command_is_longer_than_an_argument_may_be(tmp_path: Path) -> None:
    """128 KiB, as text that a second shell quotes."""
    items = [File(f"{tmp_path}/{n}-it's long", f"{n}\n", run_as="it's", then="x'y" * 50)
             for n in range(150)]  # fmt: skip
    found = [*in_one(items)]
    assert 1 < len(found) < 20
    assert all(len(shlex.quote(each.text)) < 128 * 1024 for each in found)
    assert "".join(each.stdin or "" for each in found) == "".join(each.content for each in items)


def test_content_without_a_line_s_end_is_refused_or_stays_as_it_is(tmp_path: Path) -> None:
    """pyinfra ends what it sends with a line's end; unnoticed, every run would be a change."""
    path = tmp_path / "file"
    try:
        items = [File(str(path), "no end", OWNER)]
    except ValueError:
        return
    run(sync, items=items)
    assert run(sync, items=items) is False


@pytest.mark.parametrize("change", ["content", "mode", "missing", "link in its place"])
def test_only_what_differs_is_written(tmp_path: Path, change: str) -> None:
    kept, path = tmp_path / "kept", tmp_path / "file"
    items = [File(str(kept), "same\n", OWNER), File(str(path), "right\n", OWNER, "600")]
    run(sync, items=items)
    inode = kept.stat().st_ino
    if change == "content":
        path.write_text("wrong\n")
    elif change == "mode":
        path.chmod(0o644)
    else:
        path.unlink()
        if change != "missing":
            path.symlink_to("kept")
    assert run(sync, items=items) is True
    assert path.read_text() == "right\n"
    assert not path.is_symlink()
    assert mode(path) == 0o600
    assert kept.stat().st_ino == inode
    assert kept.read_text() == "same\n"
    assert run(sync, items=items) is False


def test_a_link_is_switched_and_never_followed(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        assert run(sync, items=[Link(f"{tmp_path}/current", folder)]) is True
        assert os.readlink(tmp_path / "current") == folder
    assert names(tmp_path) == ["current", "one", "two"]
    assert names(tmp_path / "one") == names(tmp_path / "two") == []


def test_a_directory_s_mode_is_put_right_and_its_content_kept(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    (folder / "file").write_text("x")
    assert run(sync, items=[Directory(str(folder), OWNER, "755")]) is True
    assert mode(folder) == 0o755
    assert names(folder) == ["file"]


@pytest.mark.parametrize("kind", ["file", "link", "absent"])
def test_a_folder_that_stands_in_the_way_is_an_error_and_is_kept(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "place"
    path.mkdir()
    (path / "file").write_text("x")
    items: dict[str, Item] = {
        "file": File(str(path), "content\n", OWNER),
        "link": Link(str(path), "target"),
        "absent": Absent(str(path)),
    }
    with pytest.raises(PyinfraError):
        run(sync, items=[items[kind]])
    assert (path / "file").read_text() == "x"


def test_what_a_killed_run_left_is_in_nobody_s_way(tmp_path: Path) -> None:
    (tmp_path / "file.new").write_text("half a fi")
    (tmp_path / "file.new").chmod(0o644)
    (tmp_path / "link.new").symlink_to("nowhere")
    items = [File(f"{tmp_path}/file", "whole\n", OWNER, "600"), Link(f"{tmp_path}/link", "file")]
    assert run(sync, items=items) is True
    assert names(tmp_path) == ["file", "link"]
    assert (tmp_path / "link").read_text() == "whole\n"
    assert mode(tmp_path / "file") == 0o600


def test_an_owner_that_does_not_exist_is_an_error_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old\n")
    with pytest.raises(PyinfraError):
        run(sync, items=[File(str(path), "new\n", "no-such-user:no-such-group")])
    assert path.read_text() == "old\n"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [f"{letter * 79}\n" * 5_000 for letter in "ab"]
    run(sync, items=[File(str(path), contents[0], OWNER)])
    seen: set[str] = set()
    wrong: list[str] = []
    met = threading.Condition()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = path.read_text()
            with met:
                seen.add(found[0])
                wrong.extend([] if found in contents else [found[:100]])
                met.notify_all()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 9):
            run(sync, items=[File(str(path), contents[number % 2], OWNER)])
            with met:  # the reader has met this one too before the next is written
                seen.clear()
                assert met.wait_for(lambda: "ab"[number % 2] in seen, timeout=60)  # noqa: B023
    finally:
        done.set()
        reader.join()
    assert wrong == []


def test_a_connection_that_is_cut_while_sending_leaves_the_old_file(tmp_path: Path) -> None:
    """The host sees the end of the input, as if all had been sent."""
    path = tmp_path / "file"
    path.write_text("old\n")
    shell(item_s_command(File(str(path), "first\nsecond\n", OWNER)), stdin="first\n")
    assert path.read_text() == "old\n"


def test_nobody_can_read_a_secret_while_it_is_written(tmp_path: Path) -> None:
    """The file beside is made unreadable for others before the content goes into it."""
    look = f"ls -l {tmp_path}/secret.new > {tmp_path}/seen; exec /bin/cat"
    stand_ins = programs(tmp_path / "bin", cat=look)
    command = item_s_command(File(f"{tmp_path}/secret", "x\n", OWNER, "640"))
    assert shell(command, stdin="x\n", stand_ins=stand_ins).returncode == 0
    assert (tmp_path / "seen").read_text().startswith("-rw-------")


def test_a_secret_is_in_no_output_and_no_log_of_the_wordiest_run(tmp_path: Path) -> None:
    deploy = tmp_path / "deploy.py"
    deploy.write_text(
        "from pathlib import Path\n"
        "from roles.operations.files import File\n"
        "from roles.operations.sync import sync\n"
        f"text = Path({str(tmp_path / 'secret.txt')!r}).read_text()\n"
        f"sync(name='Write', items=[File({str(tmp_path / 'made')!r}, text, {OWNER!r}, '600')])\n"
        # without a name pyinfra shows the arguments
        f"sync(items=[File({str(tmp_path / 'again')!r}, text, {OWNER!r}, '600')])\n"
    )
    (tmp_path / "secret.txt").write_text("hunter2\n")
    done = pyinfra("-y", "-vvv", "--debug", "@local", "deploy.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "made").read_text() == "hunter2\n"
    shown = pyinfra("-y", "--debug-operations", "@local", "deploy.py", folder=tmp_path)
    assert "Write" in shown.stdout + shown.stderr
    assert "hunter2" not in done.stdout + done.stderr + shown.stdout + shown.stderr
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    holders = [path.name for path in files if b"hunter2" in path.read_bytes()]
    assert sorted(holders) == ["again", "made", "secret.txt"]


def test_a_command_follows_a_file_that_is_written_and_no_other(tmp_path: Path) -> None:
    path, said = tmp_path / "file", tmp_path / "said"
    item = File(str(path), "text\n", OWNER, then=f"cat {path} >> {said}")
    assert run(sync, items=[item]) is True
    assert run(sync, items=[item]) is False
    assert said.read_text() == "text\n"
