"""A site that NGINX is asked about first: what lies where meanwhile, and after a kill."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from roles.host_paths import RUN
from roles.nginx.request_policy import ACCESS_LOG
from roles.nginx.write_site import acceptance
from roles.operations import backup
from roles.operations.files import File
from tests.operations.local import OWNER, programs, shell

KEY = "-----BEGIN PRIVATE KEY-----\n"
MAIN = "events {\n\tworker_connections 768;\n}\ninclude /etc/nginx/conf.d/*.conf;\n"
OLD, NEW = "# old\n", "# new\n"


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """/etc/nginx of a host with a key of the bundle's and a link of somebody else's."""
    monkeypatch.setattr(backup, "DIRECTORY", f"{tmp_path}/backup")
    folder = tmp_path / "etc-nginx"
    for name, text in {
        "nginx.conf": MAIN.replace("/etc/nginx", str(folder)),
        "conf.d/omero-web.conf": OLD,
        "omero-web/key.pem": KEY,
        "sites-available/other": OLD,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "sites-enabled").mkdir()
    (folder / "sites-enabled/other").symlink_to("../sites-available/other")
    return folder


def attempt(
    nginx: Path,
    program: str,
    former: tuple[str, ...] = (),
    mode: str = "644",
    received: str = NEW,
) -> subprocess.CompletedProcess[str]:
    """Ask for a new site. program: what stands for `nginx -t -q -c FILE`."""
    file = File("/etc/nginx/conf.d/omero-web.conf", NEW, OWNER, mode)
    command = acceptance(file, former).replace("/etc/nginx", str(nginx))
    command = command.replace(RUN, str(nginx.parent / "run"))
    command = command.replace(ACCESS_LOG, str(nginx.parent / "access.log"))
    owner, group = OWNER.split(":")
    command = command.replace("user=www-data", f"user={owner}").replace("-g adm", f"-g {group}")
    command = command.replace("$user:adm", OWNER)
    stand_ins = programs(nginx.parent / "bin", nginx=program)
    return shell(command, stdin=received, stand_ins=stand_ins)


def accept(nginx: Path, program: str, former: tuple[str, ...] = ()) -> int:
    """The exit status."""
    return attempt(nginx, program, former).returncode


def refusal(nginx: Path, program: str, mode: str) -> str:
    """What is said of a file of this mode that NGINX refuses."""
    done = attempt(nginx, program, mode=mode)
    assert done.returncode
    return done.stderr


def contents(folder: Path) -> dict[str, str]:
    """Every file itself, without what a link leads to."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def test_what_nginx_accepts_gets_its_place_and_the_rest_stays(nginx: Path) -> None:
    before = contents(nginx)
    looks = (
        'grep -q new "${4%/*}/conf.d/omero-web.conf" && grep -q old "${4%/*}/sites-enabled/other"'
    )
    assert accept(nginx, f'{looks} && grep -q "include ${{4%/*}}/conf.d/" "$4"') == 0
    main = before["nginx.conf"].replace("768", "8192")
    main = f"worker_rlimit_nofile 20000;  # by the OMERO.web bundle\n{main}"
    assert contents(nginx) == {**before, "conf.d/omero-web.conf": NEW, "nginx.conf": main}
    assert [*(nginx.parent / "run").iterdir()] == []
    assert stat.S_IMODE((nginx.parent / "access.log").stat().st_mode) == 0o640
    assert accept(nginx, "exit 0") == 0
    assert (nginx / "nginx.conf").read_text() == main


def test_what_somebody_else_wrote_of_connections_stays_and_a_log_is_closed(nginx: Path) -> None:
    own = "worker_rlimit_nofile 9;\nevents { }\n# worker_connections 768;\n"
    (nginx / "nginx.conf").write_text(own)
    log = nginx.parent / "access.log"
    log.write_text("line\n")
    log.chmod(0o644)
    assert accept(nginx, "exit 0") == 0
    assert (nginx / "nginx.conf").read_text() == own
    assert (log.read_text(), stat.S_IMODE(log.stat().st_mode)) == ("line\n", 0o640)


def test_what_nginx_refuses_does_not(nginx: Path) -> None:
    before = contents(nginx)
    assert accept(nginx, "exit 1", ("/etc/nginx/sites-enabled/other",)) != 0
    assert contents(nginx) == before
    assert (nginx / "sites-enabled/other").is_symlink()
    assert [*(nginx.parent / "run").iterdir()] == []


def test_half_a_site_of_a_connection_that_was_cut_is_none(nginx: Path) -> None:
    before = contents(nginx)
    assert attempt(nginx, "exit 0", received=NEW[:3]).returncode != 0
    assert contents(nginx) == before


def test_files_that_it_replaces_go_in_the_same_step(nginx: Path) -> None:
    former = ("/etc/nginx/sites-enabled/other", "/etc/nginx/conf.d/omero-web.conf")
    looks = '[ ! -e "${4%/*}/sites-enabled/other" ] && grep -q new "${4%/*}/conf.d/omero-web.conf"'
    assert accept(nginx, looks, former) == 0
    assert not (nginx / "sites-enabled/other").is_symlink()
    assert (nginx / "conf.d/omero-web.conf").read_text() == NEW
    kept = Path(f"{nginx.parent}/backup{nginx}")
    assert (kept / "sites-enabled/other").is_symlink()
    assert (kept / "conf.d/omero-web.conf").read_text() == OLD


def test_a_kill_leaves_no_key_behind_and_the_next_run_nothing_at_all(nginx: Path) -> None:
    before = contents(nginx)
    assert accept(nginx, "kill -9 $PPID") != 0
    run = nginx.parent / "run"
    left = contents(run)
    assert left  # it was in the middle
    assert KEY not in left.values()
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert contents(nginx) == before
    assert accept(nginx, "exit 0") == 0
    assert contents(run) == {}
    assert [*run.iterdir()] == []


def test_a_refusal_quotes_nothing_of_a_file_that_others_may_not_read(nginx: Path) -> None:
    program = """echo 'nginx: [emerg] unknown directive "hunter2" x" in a.conf:7' >&2; exit 1"""
    message = 'nginx: [emerg] unknown directive "hunter2" x" in a.conf:7\n'
    assert refusal(nginx, program, "644") == message
    masked = message.replace('"hunter2" x"', "********")
    assert refusal(nginx, program, "640") == masked
    assert not [*(nginx.parent / "run").glob("nginx.*")]
