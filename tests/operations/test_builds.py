"""What a build by a user of its own may do and what it leaves, with the real script and kernel.

In a PID namespace of its own: the script ends all processes of that user.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.operations.local import ROOT

USER = "nobody"
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can build as another user")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the builder can reach, in folders of root's: pytest's own are closed to others."""
    for each in (tmp_path, *tmp_path.parents):
        if each.is_relative_to("/tmp/pytest-of-root"):
            each.chmod(0o711)
    (tmp_path / "release").mkdir()
    return tmp_path


def build(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the builder; what follows in the same namespace is printed."""
    paths = [str(folder / name) for name in ("home", "cache", "release")]
    script = ROOT / "roles" / "web" / "build.sh"
    arguments = shlex.join(["sh", str(script), USER, *paths, "sh", "-ec", command])
    left = f"grep -l '^Uid:[[:space:]]*{_uid()}[[:space:]]' /proc/[0-9]*/status"
    inside = f'{arguments}; status=$?; echo "left: $({left} 2> /dev/null)"; exit $status'
    given: Mapping[str, str] = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    return subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", inside],
        env=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _uid() -> int:
    return int(subprocess.check_output(["id", "-u", USER], text=True))


def test_a_build_is_nobody_s_and_its_result_is_root_s(folder: Path) -> None:
    """A background process, a FIFO, modes and links are what a build backend can leave."""
    secret = folder / "secret"
    secret.write_text("of root's")
    secret.chmod(0o600)
    done = build(
        folder,
        f"""
        id -u; grep NoNewPrivs /proc/self/status; env
        ! cat {secret} 2> /dev/null; ! touch {folder}/outside 2> /dev/null
        mkdir -m 777 lib; echo made > lib/file; chmod 6777 lib/file
        ln -s {secret} link; mkfifo pipe
        echo kept > {folder}/cache/wheel
        ( trap '' TERM HUP; while sleep 0.05; do echo more >> lib/file; done ) > /dev/null 2>&1 &
        """,
        PASSWORD="of root's",
        PIP_INDEX_URL="http://index.example/simple",
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.split("\n")
    assert said[0] == str(_uid())
    assert said[1].split() == ["NoNewPrivs:", "1"]
    assert "PIP_INDEX_URL=http://index.example/simple" in said
    assert "of root's" not in done.stdout
    assert said[-2] == "left: "  # no process of the user's
    release = folder / "release"
    for path in (release, *release.rglob("*")):
        found = path.lstat()
        assert (found.st_uid, found.st_gid) == (0, 0), path
        if not path.is_symlink():
            assert stat.S_IMODE(found.st_mode) & 0o6022 == 0, path
    assert sorted(path.name for path in release.iterdir()) == ["lib", "link"]
    assert (secret.stat().st_uid, secret.read_text()) == (0, "of root's")
    assert (folder / "cache").stat().st_uid == _uid()
    assert not (folder / "home").exists()
    assert not (folder / "outside").exists()


def test_a_build_that_fails_says_so_and_is_root_s_too(folder: Path) -> None:
    done = build(folder, "echo why >&2; touch left; exit 7")
    assert (done.returncode, done.stderr) == (7, "why\n")
    assert (folder / "release" / "left").stat().st_uid == 0


def test_a_file_that_keeps_another_name_is_refused(folder: Path) -> None:
    """Written by that name later it would be another one in the release."""
    done = build(folder, f"echo x > file; ln file {folder}/cache/file")
    assert done.returncode == 1
    assert "a hard link" in done.stderr


def test_the_index_of_pip_s_own_file_is_the_builder_s_too(folder: Path) -> None:
    own = folder / ".config" / "pip" / "pip.conf"
    own.parent.mkdir(parents=True)
    own.write_text("[global]\nindex-url = http://index.example/simple\n")
    own.chmod(0o600)
    done = build(folder, "cat $HOME/.pip/pip.conf; stat -c %a $HOME/.pip/pip.conf")
    assert done.stdout.splitlines()[1:3] == ["index-url = http://index.example/simple", "400"]


def test_a_file_that_pip_is_told_to_read_is_the_builder_s_too(folder: Path) -> None:
    own = folder / "closed" / "pip.conf"
    own.parent.mkdir(mode=0o700)
    own.write_text("[global]\nproxy = http://proxy.example:3128\n")
    done = build(folder, 'cat "$PIP_CONFIG_FILE"', PIP_CONFIG_FILE=str(own))
    assert done.stdout.splitlines()[1] == "proxy = http://proxy.example:3128"
    nothing = build(folder, "printenv PIP_CONFIG_FILE", PIP_CONFIG_FILE="/dev/null")
    assert nothing.stdout.splitlines()[0] == "/dev/null"
