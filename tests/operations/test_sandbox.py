"""The script that runs commands as OMERO.web's user, run here as `daemon`."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roles.web import sandbox
from tests.operations import terminal
from tests.operations.local import programs

root = pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=9)
SPECIAL = st.sampled_from(["", "$HOME", "${PATH}", "$$", "%n", "\\", "'", '"', "--", "-p", "\n"])


class Script:
    """The script in a directory of its own; whether systemd runs is up to the test."""

    def __init__(self, directory: Path) -> None:
        self.systemd = directory / "systemd"
        self.recorded = directory / "recorded"
        text = sandbox.script().replace("omero-web", "daemon")
        self.path = directory / "sandbox"
        self.path.write_text(text.replace("/run/systemd/system", str(self.systemd)))
        self.path.chmod(0o755)
        record = f"""printf '%s\\0' "$@" > {self.recorded}; cat"""
        self._programs = programs(directory / "programs", systemd_run=record)

    def __call__(
        self, *command: str, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        path = f"{self._programs}:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(
            [self.path, *command],
            input=stdin,
            capture_output=True,
            text=True,
            env={"PATH": path, **environment},
            check=False,
        )

    def arguments(self) -> list[str]:
        """What systemd-run was given, as systemd understands it."""
        return self.recorded.read_bytes().decode().split("\0")[:-1]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    """Where systemd does not run."""
    directory = tmp_path_factory.mktemp("sandbox")
    directory.chmod(0o755)
    for parent in directory.parents[:3]:
        if parent != Path("/tmp"):
            parent.chmod(0o755)
    return Script(directory)


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Script:
    """Where systemd runs, with a stand-in for systemd-run."""
    found = Script(tmp_path_factory.mktemp("systemd"))
    found.systemd.mkdir()
    return found


@pytest.mark.parametrize("image", [True, False])
def test_the_script_is_plain_shell(image: bool) -> None:
    done = subprocess.run(
        ["shellcheck", "-s", "sh", "-"],
        input=sandbox.script(image=image),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@root
def test_a_command_has_the_user_and_no_privilege(script: Script) -> None:
    done = script("sh", "-c", "id -un; id -gn; umask; pwd; cat /proc/self/status")
    user, group, _, directory, *status = done.stdout.splitlines()
    assert (user, group, directory) == ("daemon", "daemon", "/")
    fields = dict(line.split(":\t", 1) for line in status)
    assert fields["NoNewPrivs"] == "1"
    assert {fields[name].strip("0") for name in ("CapBnd", "CapPrm", "CapEff", "CapInh")} == {""}


@root
def test_a_command_sees_none_of_root_s_variables(script: Script) -> None:
    done = script("printenv", TOKEN="secret", PYTHONPATH="/tmp", SSH_AUTH_SOCK="/tmp/agent")
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    wanted = {"HOME", "USER", "LOGNAME", "PATH", "LANG"}
    assert names == wanted | {name for name, _ in sandbox.ENVIRONMENT}
    assert {"PYTHONSAFEPATH", "PYTHONNOUSERSITE"} < names


@root
@settings(max_examples=30, deadline=None)
@given(arguments=st.lists(TEXT | SPECIAL, max_size=4), stdin=TEXT, status=st.integers(0, 255))
def test_arguments_standard_input_and_exit_status_pass(
    script: Script, arguments: list[str], stdin: str, status: int
) -> None:
    shown = f"""printf '%s\\0' "$@"; cat; exit {status}"""
    command = ["sh", "-c", shown, "sh", *arguments]
    done = subprocess.run(
        [script.path, *command], input=stdin.encode(), capture_output=True, check=False
    )
    # printf shows one empty text where it has no argument
    expected = "".join(f"{each}\0" for each in arguments or [""]) + stdin
    assert (done.returncode, done.stdout.decode()) == (status, expected)


@root
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("heeds", ["exec sleep 60", "trap '' TERM; echo; sleep 60; sleep 60"])
def test_a_command_ends_with_the_script(script: Script, name: str, heeds: str) -> None:
    process = subprocess.Popen(
        [script.path, "sh", "-c", f"echo $$; {heeds}"],
        stdout=subprocess.PIPE,
        text=True,
        # a run started by nohup ignores it, and a shell cannot undo that
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    assert process.stdout
    child = int(process.stdout.readline())
    if "trap" in heeds:
        process.stdout.readline()
    process.send_signal(signal.Signals[name])
    process.stdout.read()  # nobody holds it open
    assert process.wait(20) == 143
    assert not Path("/proc", str(child)).exists()


@root
@pytest.mark.parametrize("after", ["", " | cat"], ids=["terminal", "pipe"])
def test_a_command_cannot_type_into_root_s_terminal(script: Script, after: str) -> None:
    python = shlex.join(["/usr/bin/python3", "-c", terminal.INTRUDER])
    report, typed = terminal.run(f"{script.path} {python}{after}")
    assert report["uid"] == 1
    assert report["no_new_privileges"] == "1"
    assert "TOKEN" not in report["environment"]  # type: ignore[operator]
    assert typed == "<>"


@root
def test_the_terminal_s_test_sees_what_plain_runuser_lets_through() -> None:
    if Path("/proc/sys/dev/tty/legacy_tiocsti").read_text().strip() != "1":
        pytest.skip("this kernel refuses TIOCSTI by itself")
    python = shlex.join(["/usr/bin/python3", "-c", terminal.INTRUDER])
    report, typed = terminal.run(f"runuser -u daemon -- {python}")
    assert "TOKEN" in report["environment"]  # type: ignore[operator]
    assert terminal.TYPED in typed


def properties(arguments: Sequence[str]) -> list[str]:
    return [value for option, value in itertools.pairwise(arguments) if option == "-p"]


@root
def test_systemd_gives_a_command_what_it_gives_the_service(systemd: Script) -> None:
    done = systemd("--write", "/srv/a b", "true", stdin="secret", TOKEN="x")
    assert done.stdout == "secret"
    arguments = systemd.arguments()
    given = properties(arguments)
    assert {*sandbox.COMMAND} <= {*given}
    assert [each for each in sandbox.SERVICE if each not in sandbox.COMMAND] == [
        "PrivateTmp=yes",
        "ProcSubset=pid",
        "ProtectHome=yes",
        "RemoveIPC=yes",
        "ReadWritePaths=/opt/omero/web/OMERO.web/var",
    ]
    (writable,) = (each for each in given if each.startswith("ReadWritePaths="))
    assert shlex.split(writable.partition("=")[2]) == [
        *(f"-{each}" for each in sandbox.WRITABLE),
        "-/srv/a b",
    ]
    assert "TOKEN" not in "".join(arguments)
    assert {"--uid=daemon", "--gid=daemon", "--wait", "--pipe", "--collect"} < {*arguments}
    # else it is the command line, which may hold a secret and is kept in the journal
    assert "--description=Command of OMERO.web" in arguments


@root
@settings(max_examples=30, deadline=None)
@given(arguments=st.lists(TEXT | SPECIAL, max_size=4))
def test_systemd_reads_the_arguments_as_they_were_given(
    systemd: Script, arguments: list[str]
) -> None:
    systemd("printf", *arguments)
    found = systemd.arguments()
    command = found[found.index("--") + 1 :]
    # systemd.service(5): "$$" is a dollar sign
    assert [each.replace("$$", "$") for each in command] == ["printf", *arguments]
    assert all("$" not in each.replace("$$", "") for each in command)


def test_as_the_user_itself_nothing_is_started_but_the_command(tmp_path: Path) -> None:
    """An image and a person who is OMERO.web's user: variables and the directory are their own."""
    path = tmp_path / "sandbox"
    path.write_text(sandbox.script(image=True).replace('"$(id -u)" != 0', "a = a"))
    done = subprocess.run(
        ["sh", path, sys.executable, "-c", "import os; print(os.getcwd(), dict(os.environ))"],
        env={"PATH": os.environ["PATH"], "CONFIG_omero_web_debug": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    directory, _, environment = done.stdout.partition(" ")
    assert directory == str(tmp_path)
    for name in ("CONFIG_omero_web_debug", "OMEROWEB_OPS_DESIRED", "TMPDIR", "PYTHONSAFEPATH"):
        assert name in environment
