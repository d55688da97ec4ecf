"""logs.sh: which logs `./run logs` prints, and as which user, with stand-ins for the programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from roles.operations import shell_file
from tests.operations.local import ROOT, programs, shell

SCRIPT = shell_file.read(str(ROOT / "roles/cli/logs.py"), "logs.sh")
FILE = "/opt/omero/web/OMERO.web/var/log/OMEROweb.log"
ECHO = 'echo "${0##*/} $*"'


def logs(folder: Path, *arguments: str, **scripts: str) -> tuple[int, list[str]]:
    """The status, and what was called."""
    known = {"id": "echo 0", "runuser": ECHO, "tail": ECHO, "journalctl": ECHO} | scripts
    done = shell(
        shell_file.command(SCRIPT, *arguments), stand_ins=programs(folder / "bin", **known)
    )
    return done.returncode, done.stdout.splitlines() + done.stderr.splitlines()


@pytest.mark.parametrize(("follow", "option"), [("no", "-q"), ("yes", "-qF")])
def test_omero_web_s_own_log_is_read_as_its_user(tmp_path: Path, follow: str, option: str) -> None:
    status, lines = logs(tmp_path, "7", follow, "application")
    assert (status, lines) == (0, [f"runuser -u omero-web -- tail {option} -n 7 {FILE}"])


def test_the_service_s_log_is_the_journal_or_supervisor_s_file(tmp_path: Path) -> None:
    status, lines = logs(tmp_path, "7", "no", "service")
    journal = "journalctl -q -u omero-web -n 7 --no-pager -o short-iso"
    file = "tail -q -n 7 /var/log/supervisor/omero-web.log"
    assert (status, lines) == (0, [journal if Path("/run/systemd/system").is_dir() else file])


def test_both_are_printed_one_after_the_other(tmp_path: Path) -> None:
    slow = f"sleep 0.3; {ECHO}"
    _status, lines = logs(tmp_path, "7", "no", "all", tail=slow, journalctl=slow)
    assert [line.split()[0] for line in lines[1:]] == ["runuser"]


def test_a_host_without_omero_web_says_so(tmp_path: Path) -> None:
    status, lines = logs(tmp_path, "7", "no", "all", id="[ $# = 1 ] && echo 0")
    assert (status, lines) == (1, ["no OMERO.web is deployed on this host"])


def test_another_user_than_root_is_told_what_to_do(tmp_path: Path) -> None:
    status, lines = logs(tmp_path, "7", "no", "all", id="echo 1000")
    assert (status, lines) == (1, ["only root can read the logs; use --use-sudo-password"])
