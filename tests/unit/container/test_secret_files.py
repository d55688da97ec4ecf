"""Values of variables in files that Docker and Kubernetes mount."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from omeroweb_ops.container import secret_files
from omeroweb_ops.container.environment import is_variable

KEY = "CONFIG_omero_web_secret__key"
Read = tuple[dict[str, str], set[str], list[str]]


def read(folder: Path, variables: Mapping[str, str], *, needed: bool = True) -> Read:
    found, from_files, findings = secret_files.read(
        variables, is_variable, lambda _name: needed, folder / "secrets"
    )
    return found, from_files, [str(each) for each in findings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    return tmp_path


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", [KEY, "OMEROHOST", "WEB_PLUGINS", "OMEROWEB_READY_NEEDS_SERVER"])
def test_every_variable_may_have_its_value_in_a_file(folder: Path, name: str, end: str) -> None:
    path = folder / "value"
    path.write_bytes(b"line 1\nhunter2" + end.encode())
    expected: Read = ({name: "line 1\nhunter2", "PATH": "x"}, {name}, [])
    assert read(folder, {f"{name}_FILE": str(path), "PATH": "x"}) == expected
    path.rename(folder / "secrets" / name)
    assert read(folder, {"PATH": "x"}) == expected


def test_only_one_end_of_a_line_is_left_out(folder: Path) -> None:
    (folder / "secrets" / KEY).write_text("a\n\n")
    assert read(folder, {})[0] == {KEY: "a\n"}


def test_other_files_and_variables_are_others(folder: Path) -> None:
    (folder / "secrets" / "database_password").write_text("x")
    (folder / "secrets" / "kubernetes.io").mkdir()
    (folder / "secrets" / "WEB_PORT").write_text("x")
    others = {"GPG_FILE": "/x", "WEB_PORT": "tcp://10.0.0.1:4080", "_FILE": "y"}
    assert read(folder, others) == (others, set(), [])
    assert read(folder / "none", others) == (others, set(), [])


def test_two_values_are_one_mistake(folder: Path) -> None:
    path, mounted = folder / "value", folder / "secrets" / KEY
    path.write_text("x")
    by_file = {f"{KEY}_FILE": str(path)}
    _, _, told = read(folder, {**by_file, KEY: "x"})
    assert told == [f"{KEY}_FILE: contradicts {KEY}; set only one of them"]
    mounted.write_text("x")
    _, _, told = read(folder, {KEY: "x"})
    assert told == [f"{mounted}: contradicts {KEY}; set only one of them"]
    _, _, told = read(folder, by_file)
    assert told == [f"{KEY}_FILE: contradicts {mounted}; set only one of them"]


def test_the_same_file_by_both_ways_and_empty_variables_are_no_mistake(folder: Path) -> None:
    """`environment: NAME_FILE: ${NAME_FILE:-}` of a compose file sets an empty one."""
    mounted = folder / "secrets" / KEY
    mounted.write_text("x")
    assert read(folder, {f"{KEY}_FILE": str(mounted)}) == ({KEY: "x"}, {KEY}, [])
    assert read(folder, {KEY: "", "OMEROHOST_FILE": ""}) == ({KEY: "x"}, {KEY}, [])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty; write the value into it, or remove the file"),
        (b"\n", "is empty; write the value into it, or remove the file"),
        (b"hunter2\xff", "is not UTF-8 text (invalid start byte)"),
    ],
)
def test_a_file_without_a_value_is_a_mistake(
    folder: Path, content: bytes | None, told: str
) -> None:
    path = folder / "value"
    if content is not None:
        path.write_bytes(content)
    found, _, findings = read(folder, {f"{KEY}_FILE": str(path)})
    assert findings == [f"{KEY}_FILE: {path} {told}"]
    assert found == {}


def test_what_is_not_needed_is_not_read(folder: Path) -> None:
    """Such as the database's password, which the web container may not even see."""
    name = "CONFIG_omero_db_pass"
    found, _, findings = read(folder, {f"{name}_FILE": "/nowhere"}, needed=False)
    assert (found, findings) == ({name: ""}, [])
