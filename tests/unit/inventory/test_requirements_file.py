"""A lock of the site's own, or of a plugin: all that the host would trip over is told before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roles.inventory import lock_types, requirements_file
from roles.inventory.plugins import APP
from roles.inventory.settings import read
from tests.unit.helpers import HASH, site_lock


def mistake(path: Path, **data: Any) -> str:
    _settings, (finding,) = read(data or {"web_requirements": str(path)})
    return finding.message


def test_the_bundle_s_own_lock_and_harmless_lines_are_right(tmp_path: Path) -> None:
    lock = site_lock(
        tmp_path / "lock.txt", "# -r a.txt", "--only-binary :all:", f"a==1 \\\n    {HASH}  # via b"
    )
    for each in (str(APP / "requirements.txt"), lock):
        assert read({"web_requirements": each})[1] == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "gunicorn, omero-py, omero-web, prometheus-client, tabulate"),
        (f"omero-web==5 {HASH}\n", "gunicorn, omero-py, prometheus-client, tabulate"),
    ],
)
def test_a_lock_without_what_the_bundle_needs_is_refused(
    tmp_path: Path, text: str, missing: str
) -> None:
    path = tmp_path / "lock.txt"
    path.write_text(text)
    told = mistake(path)
    assert f"{path} does not pin {missing}, which the bundle needs; must be " in told
    assert "app/requirements.in" in told


def test_what_the_bundle_needs_is_in_its_own_lock() -> None:
    assert {*lock_types._NEEDED} <= requirements_file.pins(
        (APP / "requirements.txt").read_text()
    ).keys()


@pytest.mark.parametrize("line", ["requests>=2", "requests==2", f"requests>=2 {HASH}"])
def test_a_line_without_a_version_or_a_hash_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "lock.txt"
    site_lock(path, line)
    assert f"pins no version or no hash of {line.split()[0]}; must be" in mistake(path)


@pytest.mark.parametrize(
    ("line", "name", "instead"),
    [
        ("-r other.txt", "-r", "put the pins themselves"),
        ("-rother.txt", "-r", "put the pins themselves"),
        ("--constraint=c.txt", "--constraint", "put the pins themselves"),
        ("-e ./ours", "-e", "build a wheel"),
        (
            "--index-url https://me:hunter2@example.org/",
            "--index-url",
            "set the index in pip's configuration",
        ),
        (
            "--extra-index-url=https://x.example",
            "--extra-index-url",
            "set the index in pip's configuration",
        ),
        ("-f wheels", "-f", "set the index in pip's configuration"),
        ("--pre", "--pre", "remove it"),
    ],
)
def test_options_are_refused_by_name_in_either_lock(
    tmp_path: Path, line: str, name: str, instead: str
) -> None:
    path = tmp_path / "lock.txt"
    site_lock(path, line)
    own = {"package": "mine", "app": "mine", "requirements": str(path)}
    for told in (mistake(path), mistake(path, web_plugins=[own])):
        assert f"{path} has the option {name}: {instead}" in told
        assert "hunter2" not in told
