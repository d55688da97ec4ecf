"""Releases as `release list` and `status` show them, from what lies in their folders."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import pytest
from omeroweb_ops.releases import installed, trial
from omeroweb_ops.state.engine import Engine
from omeroweb_ops.status import lines, local_files, warnings
from omeroweb_ops.status.model import Releases

from tests.unit.status.test_show import WELL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The host's releases: one serves, the one before is a second."""
    made = tmp_path / "releases"
    for name, link in (("aaaa", "CURRENT"), ("bbbb", "PREVIOUS")):
        built(made / name)
        (tmp_path / link).symlink_to(made / name)
        monkeypatch.setattr(installed, link, tmp_path / link)
    monkeypatch.setattr(local_files, "CURRENT", tmp_path / "CURRENT")
    monkeypatch.setattr(installed, "HOST_PYTHON", tmp_path / "python3")
    (tmp_path / "python3").symlink_to(python(made, "3.11"))
    monkeypatch.setattr(
        installed, "list_releases", functools.partial(installed.list_releases, made)
    )
    return made


def built(path: Path, *more: str, note: str | None = "") -> None:
    for package in ("omero_web-5.33.2", "omero_py-5.23.0", "omero_marshal-0.9.1", *more):
        info = path / f"lib/python3.11/site-packages/{package}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
    (path / "complete").touch()
    (path / "bin").mkdir(exist_ok=True)
    (path / "bin/python").unlink(missing_ok=True)
    (path / "bin/python").symlink_to(python(path.parent, "3.11"))
    if note is not None:
        (path / installed.PLUGINS_FILE).write_text(f"{note}\n")


def python(folder: Path, version: str) -> Path:
    """A Python of the host's."""
    path = folder.parent / f"python{version}"
    path.touch(mode=0o755)
    return path


def plugins(name: str) -> tuple[str, ...]:
    (found,) = (each.plugins for each in installed.list_releases() if each.name == name)
    return found


def damage(path: Path) -> None:
    (path / "lib").rename(path / "gone")


def test_plugins_are_those_that_the_deploy_has_noted(folder: Path) -> None:
    own = ("x_conflict-1.0", "Our.Plugin-2.1", "omero_user_token-0.3.0")
    built(folder / "cccc", *own, note="our-plugin x-conflict")
    assert plugins("cccc") == ("our-plugin 2.1", "x-conflict 1.0")
    assert plugins("aaaa") == ()


def test_without_a_note_they_are_omero_s_other_packages(folder: Path) -> None:
    built(folder / "cccc", "x_conflict-1.0", "omero_figure-8.0.1", note=None)
    assert plugins("cccc") == ("omero-figure 8.0.1",)


def test_a_damaged_release_hides_no_other(folder: Path) -> None:
    built(folder / "cccc")
    damage(folder / "cccc")
    damage(folder / "bbbb")
    rows = {row.split()[0]: row for row in installed.table().splitlines()[2:]}
    assert rows["aaaa"].split()[1:3] == ["serves", "5.33.2"]
    assert rows["bbbb"].split()[1:4] == ["before,", "damaged", "?"]
    assert rows["cccc"].split()[1:3] == ["damaged", "?"]


def test_status_tells_of_a_damaged_release_and_of_what_serves(folder: Path) -> None:
    assert warnings.findings(replace(WELL, releases=local_files.releases())) == []
    damage(folder / "bbbb")
    found = local_files.releases()
    assert isinstance(found, Releases)
    assert (found.before, found.damaged) == ("bbbb", ("bbbb",))
    seen = replace(WELL, releases=found)
    assert "aaaa: omero-web 5.33.2, Python 3.11, no plugins" in dict(lines.lines(seen))["release"]
    (warning,) = warnings.findings(seen)
    assert (warning.check, warning.message) == ("release", "bbbb is damaged: files are missing")
    assert "bbbb/complete" in str(warning.setting)


def upgrade(folder: Path) -> None:
    """Debian's next version: another Python beside the one before."""
    (folder.parent / "python3").unlink()
    (folder.parent / "python3").symlink_to(python(folder, "3.13"))


def test_a_release_for_another_python_is_told_before_that_python_goes(folder: Path) -> None:
    upgrade(folder)
    seen = replace(WELL, releases=local_files.releases())
    (warning,) = warnings.findings(seen)
    assert warning.message == "release aaaa was built for Python 3.11, this host has 3.13"
    assert warning.setting.startswith("deploy again")
    assert installed.serving().other_python(installed.host_python()) == warning.message


def test_a_release_whose_python_is_gone_is_marked(folder: Path) -> None:
    built(folder / "cccc")
    upgrade(folder)
    (folder.parent / "python3.11").unlink()
    rows = {row.split("  ")[0]: row for row in installed.table().splitlines()[2:]}
    assert "before, no Python 3.11 " in rows["bbbb"]
    assert "  no Python 3.11 " in rows["cccc"]


def test_a_damaged_release_that_serves_is_built_anew_by_a_deploy(folder: Path) -> None:
    damage(folder / "aaaa")
    (warning,) = warnings.findings(replace(WELL, releases=local_files.releases()))
    assert warning.message == "aaaa is damaged: files are missing"
    assert "rm " not in warning.setting


def test_what_has_served_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    """Otherwise the first deploy after a deploy takes seconds longer than the next."""
    tried: list[str] = []
    monkeypatch.setattr(trial, "_run", lambda *_arguments: tried.append("tried"))
    installed.note(engine)
    assert trial.failure(engine, engine.current) is None
    assert tried == []
    assert trial.failure(engine, {**engine.current, "omero.web.page_size": "5"}) is None
    assert tried == ["tried"]
