"""Collected static files as NGINX wants them."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.releases import static_collect
from omeroweb_ops.releases.static_compress import MIN_SIZE, prepare

TEXT = b"body { color: black; }\n" * 100


def state(folder: Path) -> dict[str, tuple[bytes, float]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_text_has_its_gzip_form_beside_it_for_the_same_readers(tmp_path: Path) -> None:
    css = tmp_path / "a" / "b.css"
    css.parent.mkdir()
    css.write_bytes(TEXT)
    css.chmod(0o644)
    before = os.umask(0o077)
    prepare(tmp_path)
    os.umask(before)
    beside = tmp_path / "a" / "b.css.gz"
    assert gzip.decompress(beside.read_bytes()) == TEXT
    assert beside.stat().st_mode & 0o777 == 0o644
    assert beside.stat().st_mtime == css.stat().st_mtime


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("logo.png", TEXT),
        ("small.css", b"a" * MIN_SIZE),
        ("random.js", os.urandom(4000)),
    ],
)
def test_what_gains_nothing_has_none(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    prepare(tmp_path)
    assert list(state(tmp_path)) == [name]


def test_a_second_time_changes_nothing_and_a_change_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_bytes(TEXT)
    (tmp_path / "b.png").write_bytes(b"picture")
    (tmp_path / "kept.json.gz").write_bytes(b"a file of its own")
    prepare(tmp_path)
    before = state(tmp_path)
    prepare(tmp_path)
    assert state(tmp_path) == before
    assert (tmp_path / "kept.json.gz").read_bytes() == b"a file of its own"
    (tmp_path / "a.css").write_bytes(TEXT.upper())
    prepare(tmp_path)
    assert gzip.decompress((tmp_path / "a.css.gz").read_bytes()) == TEXT.upper()
    (tmp_path / "a.css").write_bytes(b"short")
    prepare(tmp_path)
    assert not (tmp_path / "a.css.gz").exists()


def test_what_another_release_has_compressed_is_taken_where_it_is_of_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, new = tmp_path / "former/sub", tmp_path / "new/sub"
    for folder in (former, new):
        folder.mkdir(parents=True)
        for name in ("same.js", "other.js", "foreign.js"):
            (folder / name).write_bytes(TEXT)
    prepare(former.parent)
    (new / "other.js").write_bytes(TEXT.upper())
    (former / "foreign.js.gz").write_bytes(b"not of the content")  # and not of its time
    prepare(new.parent, former.parent)
    for name in ("same.js", "other.js", "foreign.js"):
        content = (new / name).read_bytes()
        assert gzip.decompress((new / f"{name}.gz").read_bytes()) == content
        assert (new / f"{name}.gz").stat().st_mtime == (new / name).stat().st_mtime
    marked = gzip.compress(TEXT, 1)
    time = (former / "same.js").stat().st_mtime
    (former / "same.js.gz").write_bytes(marked)
    os.utime(former / "same.js.gz", (time, time))
    (new / "same.js.gz").unlink()
    prepare(new.parent, former.parent)
    assert (new / "same.js.gz").read_bytes() == marked


@given(content=st.binary(max_size=600))
def test_the_time_follows_from_the_content_on_every_host(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    for folder, time in ((one, 1_000_000_000), (other, 1_700_000_000)):
        (folder / "a.js").write_bytes(content)
        os.utime(folder / "a.js", (time, time))
        prepare(folder)
    assert state(one) == state(other)
    assert (one / "a.js").stat().st_mtime <= (one / "a.js").stat().st_ctime  # not in the future


def test_collecting_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_collect, "COLLECT_TIMEOUT", 0.5)
    assert static_collect._failure(["sleep", "60"], {}) == "not within 0.5 s"
    assert static_collect._failure(["sh", "-c", "echo why >&2; exit 1"], {}) == "why"
    assert static_collect._failure(["true"], {}) is None
