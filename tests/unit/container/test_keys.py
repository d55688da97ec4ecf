"""Keys that containers share by a directory."""

from __future__ import annotations

import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from omeroweb_ops.container import keys


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that counts as mounted, with a space in its name."""
    folder = tmp_path / "k eys"
    folder.mkdir()
    mounts = tmp_path / "mountinfo"
    quoted = str(folder).replace(" ", "\\040")
    mounts.write_text(f"36 35 98:0 /sub {quoted} rw,noatime master:1 - ext3 /dev/root rw\n")
    monkeypatch.setattr(keys, "_MOUNTS", mounts)
    return folder


def test_a_key_is_made_once_and_stays(folder: Path) -> None:
    key = keys.read(keys.SECRET_KEY, folder)
    assert key is not None and len(key) == 64
    assert keys.read(keys.SECRET_KEY, folder) == key
    assert keys.read(keys.REDIS_PASSWORD, folder) not in (None, key)
    assert sorted(os.listdir(folder)) == ["redis_password", "secret_key"]
    mode = (folder / "secret_key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o660


def test_the_image_s_own_directory_gets_no_key(tmp_path: Path) -> None:
    assert keys.read(keys.SECRET_KEY, tmp_path / "none") is None
    assert keys.read(keys.SECRET_KEY, tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / keys.SECRET_KEY).write_text("k" * 32)
    assert keys.read(keys.SECRET_KEY, tmp_path) == "k" * 32


def test_a_mount_is_recognised_in_the_kernel_s_own_list() -> None:
    assert keys._is_mounted(Path("/proc"))
    assert not keys._is_mounted(Path("/proc/self"))


def test_containers_that_start_together_have_one_key(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(10):
        with context.Pool(8) as pool:
            found = pool.starmap(keys.read, [(keys.SECRET_KEY, folder)] * 32, chunksize=1)
        assert len(set(found)) == 1
        assert os.listdir(folder) == [keys.SECRET_KEY]
        (folder / keys.SECRET_KEY).unlink()


def test_a_run_killed_before_the_link_leaves_the_next_run_free(folder: Path) -> None:
    (folder / ".secret_key.abc").write_text("half")
    assert keys.read(keys.SECRET_KEY, folder)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n", b"short", b"k" * 31, b"k" * 513, b"k" * 2000, b"two words " * 5),
        *(b"\xff" * 64, b"k" * 40 + b"\n\n", b"k" * 40 + b"\0", b"k" * 40 + b"\nuser default on"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(folder: Path, content: bytes) -> None:
    path = folder / keys.REDIS_PASSWORD
    path.write_bytes(content)
    with pytest.raises(keys.Unusable) as refusal:
        keys.read(keys.REDIS_PASSWORD, folder)
    assert str(refusal.value).startswith(f"{path} ")
    assert "kkk" not in str(refusal.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir, lambda path: os.symlink("/none", path)])
def test_what_is_no_file_is_refused(folder: Path, plant: Callable[[Path], None]) -> None:
    path = folder / keys.SECRET_KEY
    plant(path)
    with pytest.raises(keys.Unusable, match="secret_key"):
        keys.read(keys.SECRET_KEY, folder)
    assert os.listdir(folder) == [keys.SECRET_KEY]


def test_a_directory_without_hard_links_asks_for_a_key(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(keys.Unusable, match="needs hard links; write a key into"):
        keys.read(keys.SECRET_KEY, folder)
    assert os.listdir(folder) == []


def test_a_directory_that_cannot_be_written_is_an_error(folder: Path) -> None:
    keys._MOUNTS.write_text("25 30 0:22 / /sys ro - sysfs sysfs ro\n")
    with pytest.raises(keys.Unusable, match=r"^/sys/secret_key cannot be made by uid"):
        keys.read(keys.SECRET_KEY, Path("/sys"))


def test_a_key_is_provided_once_in_a_file_that_the_group_may_read(tmp_path: Path) -> None:
    keys.provide(tmp_path / "key")
    made = (tmp_path / "key").read_text()
    keys.provide(tmp_path / "key")
    assert (tmp_path / "key").read_text() == made
    assert len(made.strip()) == 64
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o660
