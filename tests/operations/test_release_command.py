"""`bin/release`, run by a real shell in a folder: links, marks and what is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from omeroweb_ops.locations import BASE
from omeroweb_ops.releases import installed

from roles import host_paths
from roles.inventory.settings import Settings
from roles.operations.files import File
from roles.operations.prefetch import RELEASE_FILES
from roles.web import files
from roles.web.configuration import CommandOutput, ConfigCommand
from roles.web.ice import Wheel
from roles.web.release import Release
from roles.web.service import omero_web
from tests.operations.local import ask, programs, shell

OPS = "/usr/local/bin/omeroweb-ops"
NOW = "3.11"


class Command:
    """The script with its paths in a folder, and what it calls."""

    def __init__(self, folder: Path, *, linked: bool) -> None:
        self.base, self.run, self.calls = folder / "web", folder / "run", folder / "calls"
        if linked:
            (folder / "another disk").mkdir()
            self.base.symlink_to("another disk")
        for path in (self.base / "state", self.base / "releases", self.run):
            path.mkdir(parents=True, exist_ok=True)
        self.python(NOW)
        programs(self.base / "bin", deploy_lock="true")  # the lock is held by whoever calls
        # its configuration is named by what `config digest` prints
        self.digest("1a")
        stand_ins = programs(
            folder / "programs",
            id="echo 0",
            runuser='while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
            systemctl=f'echo "systemctl $*" >> {self.calls}',
            omeroweb_ops=f"""
                echo "ops $*" >> {self.calls}
                case "$*" in
                    "config digest") cat {folder}/digest ;;
                    "release note")
                        echo "$(basename $(readlink {self.base}/venv3)) $(cat {folder}/digest)" ;;
                    "release restore") cut -d' ' -f2 {self.base}/state/served > {folder}/digest ;;
                esac""",
        )
        release = Release("lock", Wheel(None, "key"), "debian-12-x86_64")
        service = omero_web(release, Settings(), "systemd", socket=True)
        (text,) = (
            item.content
            for item in files.commands(service, Settings(), "systemd")
            if isinstance(item, File) and item.path == host_paths.RELEASE_COMMAND
        )
        for here, there in (
            (str(BASE), str(self.base)),
            (OPS, f"{stand_ins}/omeroweb-ops"),
            ("/usr/bin/python3", str(folder / "python3")),
            ("/run/", f"{self.run}/"),
        ):
            text = text.replace(here, there)
        self._script = folder / "release"
        self._script.write_text(text)
        self._stand_ins = stand_ins

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return shell(f"sh {self._script} {' '.join(words)}", stand_ins=self._stand_ins)

    def python(self, version: str) -> None:
        """The host's own Python is that one, and no other is there."""
        folder = self.base.parent
        for old in folder.glob("python3*"):
            old.unlink()
        (folder / f"python{version}").touch(mode=0o755)
        (folder / "python3").symlink_to(f"python{version}")

    def digest(self, text: str) -> None:
        (self.base.parent / "digest").write_text(f"{text}\n")

    def release(self, name: str, python: str = NOW) -> Path:
        """A release as a deploy builds it."""
        path = self.base / "releases" / name
        (path / f"lib/python{python}/site-packages/omero_web-5.33.2.dist-info").mkdir(parents=True)
        (path / "lib/code.py").write_text("1\n" * 1000)
        (path / "bin").mkdir()
        (path / "bin/python").symlink_to(self.base.parent / f"python{python}")
        (path / "bin/gunicorn").touch(mode=0o755)
        (path / "complete").write_text(shell(f"{RELEASE_FILES}measure {path}").stdout)
        return path

    def serves(self, name: str) -> None:
        """It is linked, has its configuration, and was seen to serve."""
        for word in (f"link {name}", "applied", "seen"):
            assert self(word).returncode == 0

    @property
    def linked(self) -> str:
        return (self.base / "venv3").resolve().name

    def boot(self) -> subprocess.CompletedProcess[str]:
        for path in self.run.iterdir():
            path.unlink()
        return self("start")


@pytest.fixture(params=[False, True], ids=["", "linked"])
def command(tmp_path: Path, request: pytest.FixtureRequest) -> Command:
    """On a host, and on one whose /opt/omero is a link to another disk."""
    return Command(tmp_path, linked=request.param)


@pytest.fixture
def two(command: Command) -> Command:
    """One release serves, and another is there."""
    command.release("aaaa")
    command.release("bbbb")
    command.serves("aaaa")
    return command


def test_a_release_that_is_active_already_does_not_become_the_previous_one(two: Command) -> None:
    two.serves("bbbb")
    assert two("link bbbb").returncode == 0
    assert (two.base / "previous").resolve().name == "aaaa"


def test_a_boot_between_release_and_configuration_goes_back(two: Command) -> None:
    assert two("link bbbb").returncode == 0
    two.digest("2b")  # or it was written, and the host went down after that
    assert two.boot().returncode == 0
    assert two.linked == "aaaa"
    assert (two.base.parent / "digest").read_text() == "1a\n"
    two.calls.unlink()
    assert two.boot().returncode == 0  # once
    assert not two.calls.exists()


def test_a_start_in_the_middle_of_a_change_waits_for_its_end(two: Command) -> None:
    two("link bbbb")
    assert two("start").returncode == 0
    assert two.linked == "bbbb"


def test_a_boot_after_a_change_keeps_it(two: Command) -> None:
    two("link bbbb")
    two("applied")
    assert two.boot().returncode == 0
    assert two.linked == "bbbb"


def test_a_boot_in_the_middle_of_the_first_change_goes_on(command: Command) -> None:
    command.release("aaaa")
    command("link aaaa")
    assert command.boot().returncode == 0
    assert command.linked == "aaaa"


def test_a_way_back_is_a_change_that_ends_too(two: Command) -> None:
    two("link bbbb")
    assert two("back").returncode == 0
    assert two.linked == "aaaa"
    two.calls.unlink()
    assert two.boot().returncode == 0
    assert not two.calls.exists()


def test_a_release_of_another_python_is_named_and_not_started(two: Command) -> None:
    two.python("3.13")
    said = "release aaaa was built for Python 3.11, this host has 3.13; deploy again"
    for done in (two("check"), two("start")):
        assert done.returncode == 1
        assert said in done.stderr
    assert "systemctl" not in two.calls.read_text()
    (two.run / "systemd/system").mkdir(parents=True)
    two("start")
    # or each visitor would start it once more
    assert "systemctl stop --no-block omero-web.socket\n" in two.calls.read_text()


def test_a_release_whose_python_is_there_beside_a_newer_one_serves_on(two: Command) -> None:
    (two.base.parent / "python3").unlink()
    (two.base.parent / "python3.13").touch(mode=0o755)
    (two.base.parent / "python3").symlink_to("python3.13")
    assert two("check").returncode == two("start").returncode == 0


def test_what_was_installed_some_other_way_is_not_judged(command: Command) -> None:
    assert command("check").returncode == 0  # nothing yet
    (command.base / "venv3/bin").mkdir(parents=True)
    assert command("check").returncode == command("start").returncode == 0


def test_no_way_back_to_a_release_of_another_python(two: Command) -> None:
    two.python("3.13")
    two.release("cccc", "3.13")
    two("link cccc")
    for words in ("rollback aaaa", "back"):
        done = two(words)
        assert done.returncode == 1
        assert "release aaaa was built for Python 3.11, this host has 3.13" in done.stderr
        assert two.linked == "cccc"


def test_no_way_back_to_a_release_that_has_lost_something(two: Command) -> None:
    two.serves("bbbb")
    (two.base / "releases/aaaa/lib/code.py").write_text("")
    done = two("rollback")
    assert (done.returncode, two.linked) == (1, "bbbb")
    assert "release aaaa is damaged" in done.stderr


def test_the_clock_does_not_decide_which_releases_stay(command: Command) -> None:
    for number, name in enumerate(("aaaa", "bbbb", "cccc", "dddd", "eeee")):
        path = command.release(name)
        command.serves(name)
        # set back once more at each deploy
        shell(f"touch -d @{2_000_000_000 - number * 86400} {path}/served")
    left = {path.name for path in (command.base / "releases").iterdir()}
    assert left == {"cccc", "dddd", "eeee"}


def test_what_is_counted_at_the_build_is_counted_again(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = command.release("aaaa")
    (path / "lib/__pycache__").mkdir()
    (path / "lib/__pycache__/code.pyc").write_text("Python's own")
    (path / "lib64").symlink_to("lib")

    def damaged() -> bool:
        (found,) = installed.list_releases(path.parent)
        return found.damaged

    assert not damaged()
    (path / "lib/added.py").write_text("somebody's own")
    assert not damaged()
    (path / "lib/added.py").unlink()
    (path / "lib/code.py").write_text("cut")
    assert damaged()
    (path / "complete").write_text("")  # as older bundles wrote it
    assert not damaged()


@pytest.mark.parametrize("linked_as", ["python3.11", "python3"])  # older bundles had no version
def test_a_deploy_asks_nothing_of_a_release_whose_python_is_gone(
    command: Command, linked_as: str
) -> None:
    path = command.release("aaaa")
    (path / "bin/omeroweb-ops").touch(mode=0o755)
    (path / "bin/python").unlink()
    (path / "bin/python").symlink_to(command.base.parent / linked_as)
    command.python("3.13")
    program = str(path / "bin/omeroweb-ops")
    answer = ask(ConfigCommand, program=program, action="plan")
    assert "for another Python than this host's" in answer.findings[0]
    assert answer.changes
    gone = str(path / "bin/gone")
    assert ask(ConfigCommand, program=gone, action="plan") == CommandOutput(absent=True)
