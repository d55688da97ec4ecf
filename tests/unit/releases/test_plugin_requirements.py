"""What a plugin requires and a release lacks, in a real virtualenv."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import packaging
import pytest
from omeroweb_ops.releases import plugin_requirements
from uv import find_uv_bin

from tests.packages import wheel

UV = f"{find_uv_bin()} --no-config"
APP = Path(plugin_requirements.__file__).parents[2]


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


def check(python: Path, **plugins: list[str]) -> tuple[int, list[str]]:
    """The bundle's package and packaging, from this environment, beside the release's own."""
    packages = Path(packaging.__file__).parents[1]
    code = (
        f"import runpy, sys; sys.path += [{str(APP)!r}, {str(packages)!r}]; "
        f"runpy.run_module({plugin_requirements.__name__!r}, run_name='__main__', alter_sys=True)"
    )
    names = {name.replace("_", "-"): each for name, each in plugins.items()}
    command = [str(python), "-I", "-c", code, json.dumps(names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.split("\n")[:-1]


def test_what_is_all_there_passes_and_the_lock_s_own_gaps_are_no_plugin_s(
    python: Path, tmp_path: Path
) -> None:
    install(python, wheel(tmp_path, "our-plugin", {}, needs=["django>=5"]))
    assert check(python) == (0, [])
    assert check(python, our_plugin=["our-plugin"]) == (0, [])


def test_a_marker_an_extra_and_a_pre_release_are_no_gap(python: Path, tmp_path: Path) -> None:
    needs = ["old; python_version < '3'", "more; extra == 'all'", "django>=5", "django!=5.2.dev1"]
    install(python, wheel(tmp_path, "our-plugin", {}, needs=needs))
    install(python, wheel(tmp_path, "django", {}, "5.3b1"))
    assert check(python, our_plugin=["our-plugin", "left-out-by-a-marker"]) == (0, [])


def test_each_gap_is_told_with_its_plugin_and_what_to_do(python: Path, tmp_path: Path) -> None:
    install(
        python,
        wheel(tmp_path, "our-plugin", {}, needs=["nosuch-package-xyz", "django<4"]),
        wheel(tmp_path, "helper", {}, needs=["another-one>=2"]),
    )
    found = check(python, our_plugin=["our-plugin"], other=["helper"])
    add = "add it to the file that its requirements name"
    assert found[0] == 1
    assert sorted(found[1]) == [
        f"web_plugins: other: helper requires `another-one>=2`, but it's not installed; {add}",
        "web_plugins: our-plugin: our-plugin requires `django<4`, but `5.2` is installed; "
        "set a version of the plugin that fits this release, or remove the plugin",
        "web_plugins: our-plugin: our-plugin requires `nosuch-package-xyz`, "
        f"but it's not installed; {add}",
    ]
