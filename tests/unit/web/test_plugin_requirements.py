"""What a plugin requires and a release lacks, as uv finds it in a virtualenv."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from roles.inventory.plugins import Addition
from roles.web.plugin_requirements import check_command
from tests.packages import wheel

UV = f"{find_uv_bin()} --no-config"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A release with django 5.2; its own lock leaves something unmet."""
    subprocess.run([*UV.split(), "venv", "-q", str(tmp_path / "venv")], check=True)
    path = tmp_path / "venv/bin/python"
    install(path, wheel(tmp_path, "django", {}, "5.2"))
    install(path, wheel(tmp_path, "omero-web", {}, "5.33.2", needs=["left-out"]))
    return path


def install(python: Path, *wheels: Path) -> None:
    command = [*UV.split(), "pip", "install", "-q", "--offline", "--no-deps", "--python"]
    subprocess.run([*command, str(python), *map(str, wheels)], check=True)


def check(python: Path, *plugins: Addition) -> tuple[int, list[str]]:
    script = f"set -e; {check_command(UV, python, plugins)}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.splitlines()


def test_what_is_all_there_passes_and_the_lock_s_own_gaps_are_no_plugin_s(
    python: Path, tmp_path: Path
) -> None:
    install(python, wheel(tmp_path, "our-plugin", {}, needs=["django>=5"]))
    assert check(python) == (0, [])
    assert check(python, Addition("our-plugin", "")) == (0, [])


def test_each_gap_is_told_with_its_plugin_and_what_to_do(python: Path, tmp_path: Path) -> None:
    install(
        python,
        wheel(tmp_path, "our-plugin", {}, needs=["nosuch-package-xyz", "django<4"]),
        wheel(tmp_path, "helper", {}, needs=["another-one>=2"]),
    )
    found = check(python, Addition("our-plugin", ""), Addition("other", "helper==1.0"))
    add = "add it to the file that its requirements name"
    assert found[0] == 1
    assert sorted(found[1]) == [
        f"web_plugins: other: helper requires `another-one>=2`, but it's not installed; {add}",
        "web_plugins: our-plugin: our-plugin requires `django<4`, but `5.2` is installed; "
        "write a version of the plugin that fits this release, or leave it out",
        "web_plugins: our-plugin: our-plugin requires `nosuch-package-xyz`, "
        f"but it's not installed; {add}",
    ]
