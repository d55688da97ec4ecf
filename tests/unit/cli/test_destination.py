"""Which inventory a destination means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roles.cli import destination
from roles.cli.destination import PROJECT, NotFound, resolve


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("web = []\n")


@pytest.mark.parametrize(
    ("files", "given", "found"),
    [
        (["production/site.py", "production.py"], "production", "production/site.py"),
        (["production/site.py"], "production/", "production/site.py"),
        (["production.py"], "production", "production.py"),
        (["sites/production/site.py"], "sites/production", "sites/production/site.py"),
        (["sites/production.py"], "sites/production", "sites/production.py"),
        (["production.py"], "production.py", "production.py"),
        (["site.py", "inventory.py"], None, "site.py"),
        (["inventory.py"], None, "inventory.py"),
        ([], None, str(PROJECT / "inventory.py")),
        (["site.py"], ".", "site.py"),
        ([], "inventory.py", str(PROJECT / "inventory.py")),
        ([], "@docker/web", "@docker/web"),
    ],
)
def test_a_destination_has_one_inventory(
    folder: Path, files: list[str], given: str | None, found: str
) -> None:
    write(folder, *files)
    assert resolve(given) == found


def test_a_site_is_found_from_its_parent_by_an_absolute_path_and_from_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "production/site.py")
    monkeypatch.setenv("HOME", str(folder))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert resolve("../production") == "../production/site.py"
    assert resolve(str(folder / "production")) == f"{folder}/production/site.py"
    assert resolve("~/production") == f"{folder}/production/site.py"


def test_an_error_names_each_place_and_what_to_do() -> None:
    with pytest.raises(NotFound) as refused:
        resolve("production")
    message = refused.value.message
    assert message.startswith("production: there is no such site; looked for production/site.py, ")
    assert f"production.py, {PROJECT}/production/site.py, {PROJECT}/production.py" in message
    assert message.endswith("./run init production")
    with pytest.raises(NotFound, match=re.escape("looked for missing.py")):
        resolve("missing.py")


@pytest.mark.parametrize("name", ["production", "production/site.py"])
def test_root_executes_no_inventory_that_everybody_can_write(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write(folder, "production/site.py")
    (folder / name).chmod(0o777)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(destination.Open, match=f"everybody can write to {name}"):
        resolve("production")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert resolve("production") == "production/site.py"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"web = [\n", "site.py line 1: '[' was never closed"),
        (b"\xff", "site.py line "),
        (b"\0", "site.py"),
    ],
)
def test_an_inventory_that_is_not_python_is_an_error_with_its_line(
    folder: Path, content: bytes, message: str
) -> None:
    (folder / "site.py").write_bytes(content)
    with pytest.raises(destination.Broken) as refused:
        resolve(None)
    assert message in refused.value.message


def test_sites_are_completed(folder: Path) -> None:
    write(folder, "production/site.py", "preview/site.py", "other/site.py", "parts/lock.txt")
    items = destination.Destination().shell_complete(None, None, "pr")  # type: ignore[arg-type]
    assert [each.value for each in items] == ["preview", "production"]
    files = destination.Destination().shell_complete(None, None, "x")  # type: ignore[arg-type]
    assert [each.type for each in files] == ["file"]
