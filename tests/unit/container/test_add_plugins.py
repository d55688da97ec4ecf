"""Plugins of one's own in an image; tests/integration/test_image.py builds one."""

from __future__ import annotations

import io
import json
import tarfile
from importlib import metadata
from pathlib import Path

import pytest
from omeroweb_ops.container import add_plugins


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w|") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    file.seek(0)
    return file


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.mtime, found.mode = kind, target, 1000, 0o6777
    return found


def test_nothing_but_regular_files_is_taken_and_nothing_outside(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "same.css").write_text("same")
    before = (folder / "same.css").stat().st_mtime_ns
    add_plugins.unpack(
        archive(
            (member("app/a.css"), b"a"),
            (member("same.css"), b"same"),
            (member("../outside"), b"x"),
            (member("app/../../outside"), b"x"),
            (member(str(tmp_path / "outside")), b"x"),
            (member("link", tarfile.SYMTYPE, "/etc"), b""),
            (member("link/outside"), b"x"),
            (member("hard", tarfile.LNKTYPE, "/etc/passwd"), b""),
            (member("pipe", tarfile.FIFOTYPE), b""),
        ),
        folder,
    )
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"static/app/a.css", "static/same.css", "static/link/outside"}
    assert not (folder / "link").is_symlink()
    assert (folder / "app/a.css").stat().st_mtime == 1000
    assert (folder / "app/a.css").stat().st_mode & 0o7000 == 0
    assert (folder / "same.css").stat().st_mtime_ns == before  # no copy of it in the layer


def test_a_package_that_the_image_has_is_not_replaced(tmp_path: Path) -> None:
    """pip, which knows what is going to be installed, is a stand-in here."""
    report = {"install": [{"metadata": {"name": "pytest", "version": "0.1"}}]}
    pip = tmp_path / "pip.py"
    pip.write_text(
        f"import sys; assert '--dry-run' in sys.argv, 'installed'; print({json.dumps(report)!r})"
    )
    with pytest.raises(add_plugins.Refused) as refused:
        add_plugins.install(pip, tmp_path / "plugins.txt")
    assert f"has pytest 0.1, the image {metadata.version('pytest')}; make the file" in str(
        refused.value
    )


def test_every_line_needs_its_hash_and_nothing_is_built(tmp_path: Path) -> None:
    """pip refuses the rest; its status is the command's."""
    pip = tmp_path / "pip.py"
    pip.write_text(
        "import sys; wanted = {'--require-hashes', '--only-binary=:all:'}\n"
        "sys.exit(7 if wanted < {*sys.argv} else 0)"
    )
    with pytest.raises(add_plugins.Refused, match=r"^pip has failed \(exit status 7\)$"):
        add_plugins.install(pip, tmp_path / "plugins.txt")


def test_one_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert add_plugins.main([]) == 2
    assert "omeroweb-ops add-plugins FILE" in capsys.readouterr().err
