"""Static files brought from one host to another: here both are this machine, in a test's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError

from roles.nginx import static_files
from tests.operations.local import names, programs, run


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The static files of a web host."""
    monkeypatch.setattr(static_files, "STATIC_FILES", f"{tmp_path}/nginx/static")
    monkeypatch.setattr(static_files, "STATIC_ARCHIVE", f"{tmp_path}/nginx/static.tar.gz")
    monkeypatch.setattr(static_files, "COLLECTED", f"{tmp_path}/stamp")
    same_user = programs(tmp_path / "bin", runuser='shift 3; exec "$@"')
    monkeypatch.setenv("PATH", f"{same_user}:{os.environ['PATH']}")
    root = tmp_path / "web's static"
    root.mkdir()
    return root


def collect(web: Path, version: str) -> None:
    """As collectstatic does it, with the stamp that follows."""
    (web / "css").mkdir(exist_ok=True)
    (web / "css/ome.css").write_text(version)
    (web / f"{version}.js").write_text(version)
    os.utime(web / "css/ome.css", (1_000_000_000, 1_000_000_000))
    (web.parent / "stamp").write_text(f"release {version}\n")


def deliver(web: Path) -> bool:
    return run(static_files.deliver, source="@local", privilege="root", root=str(web))


def served(web: Path) -> Path:
    return web.parent / "nginx/static/current"


def test_what_was_collected_is_served_and_a_second_run_changes_nothing(web: Path) -> None:
    collect(web, "one")
    assert deliver(web) is True
    assert (served(web) / "css/ome.css").read_text() == "one"
    assert (served(web) / "css/ome.css").stat().st_mtime == 1_000_000_000  # for revalidation
    assert (served(web) / "css").stat().st_mode & 0o777 == 0o755
    assert names(web.parent / "nginx") == ["static"]  # the archive is gone
    before = served(web).resolve().stat()
    assert deliver(web) is False
    assert served(web).resolve().stat() == before


def test_the_files_before_are_kept_and_older_ones_removed(web: Path) -> None:
    for version in ("one", "two", "three"):
        collect(web, version)
        assert deliver(web) is True
    static = web.parent / "nginx/static"
    assert (static / "current/css/ome.css").read_text() == "three"
    assert (static / "previous/css/ome.css").read_text() == "two"
    assert len(names(static)) == 4  # two folders, two links


def test_going_back_brings_nothing_again(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("one", "two"):
        collect(web, version)
        deliver(web)
    monkeypatch.setattr(Host, "get_file", None)
    collect(web, "one")
    assert deliver(web) is True
    assert (served(web) / "css/ome.css").read_text() == "one"
    assert (served(web).parent / "previous/css/ome.css").read_text() == "two"


def test_what_a_killed_run_left_is_in_nobody_s_way(web: Path) -> None:
    collect(web, "one")
    deliver(web)
    collect(web, "two")
    assert deliver(web) is True
    name = served(web).readlink().name
    # as if the second delivery had been killed while it was unpacked
    static = served(web).parent
    served(web).unlink()
    served(web).symlink_to((static / "previous").readlink())
    (static / name).rename(static / f"{name}.new")
    (static / f"{name}.new/css/ome.css").write_text("half")
    (static.parent / "static.tar.gz").write_text("half an archive")
    (static / "previous.new").symlink_to("nowhere")
    assert deliver(web) is True
    assert (served(web) / "css/ome.css").read_text() == "two"
    assert (static / "previous/css/ome.css").read_text() == "one"
    assert len(names(static)) == 4
    assert names(static.parent) == ["static"]


def test_a_link_does_not_lead_to_a_file_of_the_nginx_host(web: Path) -> None:
    collect(web, "one")
    (web / "passwd.css").symlink_to("/etc/passwd")
    deliver(web)
    assert names(served(web)) == ["css", "one.js"]


@pytest.mark.parametrize("wrong", ["nothing collected", "no folder", "not fetched"])
def test_a_failure_is_told_and_the_old_files_serve(
    web: Path, wrong: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    collect(web, "one")
    deliver(web)
    collect(web, "two")
    if wrong == "nothing collected":
        (web.parent / "stamp").unlink()
    elif wrong == "no folder":
        web.rename(web.with_name("away"))
    else:
        monkeypatch.setattr(Host, "get_file", lambda *_, **__: False)
    with pytest.raises(PyinfraError):
        deliver(web)
    assert (served(web) / "css/ome.css").read_text() == "one"
    assert names(web.parent / "nginx") == ["static"]
    assert "static files" in caplog.text
