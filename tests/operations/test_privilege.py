"""Root beside a hostile user: links, pipes and odd archives lead it nowhere.

The user is one that every Debian has; the tests need root, as CI and the container have it.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import stat
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from omeroweb_ops.locations import Locations
from pyinfra.api.exceptions import PyinfraError

from roles import takeover
from roles.conventions import LOCATIONS
from roles.nginx import static_files as delivery
from roles.operations import archives
from roles.operations import omerodir as omerodir_layout
from roles.operations.files import Absent, Directory, File, Item, Link, in_one
from roles.operations.privilege import limited, run_as_user
from roles.operations.sync import sync
from roles.survey.existing_installation import ExistingInstallation
from roles.web import service, static_files
from tests.operations.local import programs, run, shell

USER = "daemon"
BELOW = ("bin", "etc", "etc/grid", "var", "var/omero", "var/log", "var/sessions")
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root and a second user")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach."""
    path = Path(tempfile.mkdtemp(prefix="privilege-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def victim(place: Path) -> Path:
    """Root's own, with a file that nobody else may read."""
    path = place / "victim"
    path.mkdir(mode=0o700)
    (path / "secret").write_text("root only\n")
    (path / "secret").chmod(0o600)
    return path


def facts(path: Path) -> list[tuple[str, int, int, int, bytes]]:
    """What must stay: of a folder and all that is in it."""
    return [
        (str(each), (s := each.lstat()).st_uid, s.st_gid, s.st_mode, each.read_bytes())
        if each.is_file()
        else (str(each), (s := each.lstat()).st_uid, s.st_gid, s.st_mode, b"")
        for each in sorted([path, *path.rglob("*")])
    ]


@pytest.fixture
def omerodir(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """OMERODIR, with the service's user as it is on a host."""
    base = place / "web"
    monkeypatch.setattr(omerodir_layout, "BASE", base)
    monkeypatch.setattr(omerodir_layout, "RELEASES", base / "releases")
    monkeypatch.setattr(
        omerodir_layout, "LOCATIONS", Locations(base / "OMERO.web", base / "desired.json")
    )
    monkeypatch.setattr(omerodir_layout, "USER", USER)
    assert run(sync, items=omerodir_layout.directories()) is True
    return base / "OMERO.web"


def owner(path: Path) -> str:
    return f"{path.owner()} {stat.S_IMODE(path.lstat().st_mode):o}"


def test_omerodir_is_root_s_and_the_service_has_var_and_the_configuration(omerodir: Path) -> None:
    found = {name: owner(omerodir / name) for name in ("", *BELOW)}
    assert {name for name, each in found.items() if each == "root 755"} == {"", "bin", "etc"}
    assert found["etc/grid"] == f"{USER} 750"
    assert found["var"] == f"{USER} 755"
    assert {found[name] for name in ("var/omero", "var/sessions")} == {f"{USER} 700"}
    assert run(sync, items=omerodir_layout.directories()) is False


def test_a_host_whose_omerodir_was_the_service_s_is_brought_over(omerodir: Path) -> None:
    (omerodir / "etc/grid/config.xml").write_text("kept")
    shutil.rmtree(omerodir / "bin")
    for name in ("", "etc"):
        shutil.chown(omerodir / name, USER, USER)
    assert run(sync, items=omerodir_layout.directories()) is True
    assert {owner(omerodir / name) for name in ("", "bin", "etc")} == {"root 755"}
    assert (omerodir / "etc/grid/config.xml").read_text() == "kept"
    assert run(sync, items=omerodir_layout.directories()) is False


@pytest.mark.parametrize("name", BELOW)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_stands_in_a_directory_s_place_is_named_and_not_followed(
    omerodir: Path, victim: Path, name: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The user's own doing below var; elsewhere what an older bundle left to that user."""
    before, path = facts(victim), omerodir / name
    path.rename(path.with_name("moved"))
    if kind == "link":
        path.symlink_to(victim)
    else:
        os.mkfifo(path)
    os.chown(path, 1, 1, follow_symlinks=False)
    with pytest.raises(PyinfraError):
        run(sync, items=omerodir_layout.directories())
    assert str(path) in caplog.text
    assert facts(victim) == before


@contextmanager
def attack(script: str) -> Iterator[None]:
    """The user does this over and over."""
    command = ["runuser", "-u", USER, "--", "sh", "-c", f"while :; do {script}; done 2> /dev/null"]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as attacker:
        try:
            yield
        finally:
            os.killpg(attacker.pid, 9)


def test_a_link_that_comes_and_goes_wins_no_race(omerodir: Path, victim: Path) -> None:
    before = facts(victim)
    swap = (
        f"cd {omerodir}/var; mv log l; ln -s {victim} log; rm log; mv l log; rmdir log; mkdir log"
    )
    with attack(swap):
        for _ in range(3):
            for item in omerodir_layout.directories():
                for command in in_one([item]):  # each by itself: the others must not save it
                    shell(command.text)
    assert facts(victim) == before


@pytest.mark.parametrize("kind", ["directory", "file", "link", "absent"])
def test_root_does_nothing_in_a_directory_of_somebody_else(
    place: Path, victim: Path, kind: str
) -> None:
    theirs = place / "theirs"
    (theirs / "sub").mkdir(parents=True)
    (theirs / "sub/there").write_text("x")
    shutil.chown(theirs, USER)
    (theirs / "sub/x.new").symlink_to(victim / "secret")
    items: dict[str, Item] = {
        "directory": Directory(f"{theirs}/sub/x"),
        "file": File(f"{theirs}/sub/x", "content\n"),
        "link": Link(f"{theirs}/sub/x", "target"),
        "absent": Absent(f"{theirs}/sub/there"),
    }
    before = facts(place)
    (command,) = in_one([items[kind]])
    done = shell(command.text, stdin="content\n")
    assert done.returncode != 0
    assert f"{items[kind].path}: theirs, on the way to it, belongs to {USER}" in done.stderr
    assert facts(place) == before


def test_a_link_of_root_s_on_the_way_is_followed_only_to_what_is_root_s(place: Path) -> None:
    for name in ("own", "theirs"):
        (place / name / "sub").mkdir(parents=True)
        (place / f"to-{name}").symlink_to(place / name / "sub")
    shutil.chown(place / "theirs", USER)
    assert run(sync, items=[File(f"{place}/to-own/x", "content\n")]) is True
    with pytest.raises(PyinfraError):
        run(sync, items=[File(f"{place}/to-theirs/x", "content\n")])
    assert not (place / "theirs/sub/x").exists()


def test_a_directory_that_others_may_write_in_is_refused(place: Path) -> None:
    (place / "open").mkdir()
    (place / "open").chmod(0o777)
    with pytest.raises(PyinfraError):
        run(sync, items=[File(f"{place}/open/x", "content\n")])
    (place / "open").chmod(0o1777)  # like /tmp: nobody can take away what is root's
    assert run(sync, items=[File(f"{place}/open/x", "content\n")]) is True


def test_a_file_in_the_user_s_directory_is_the_user_s_work(place: Path, victim: Path) -> None:
    theirs = place / "theirs"
    theirs.mkdir()
    shutil.chown(theirs, USER, USER)
    os.symlink(victim / "secret", theirs / "x.new")
    before = facts(victim)
    item = File(f"{theirs}/x", "content\n", f"{USER}:{USER}", "640", run_as=USER)
    assert run(sync, items=[item]) is True
    assert (theirs / "x").read_text() == "content\n"
    assert owner(theirs / "x") == f"{USER} 640"
    assert facts(victim) == before
    assert run(sync, items=[item]) is False


# Static files


def archive(*entries: tuple[str, bytes, str, int]) -> bytes:
    """name, type, what it links to, mode."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, kind, target, mode in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode, entry.uid, entry.gid = kind, target, mode, 1, 1
            entry.size = len(name) if kind == tarfile.REGTYPE else 0
            tar.addfile(entry, io.BytesIO(name.encode()) if entry.size else None)
    return content.getvalue()


@pytest.fixture
def release(place: Path) -> Path:
    path = place / "releases/0123456789ab"
    path.mkdir(parents=True)
    return path


def collect(release: Path, command: str) -> subprocess.CompletedProcess[str]:
    as_user = run_as_user(USER, command)  # which pays no attention to --archive
    return shell(static_files.collected(as_user, release, "static", "d" * 64))


def tree(release: Path) -> dict[str, str]:
    """Path to kind, owner and mode."""
    found = {}
    for path in sorted((release / "static").rglob("*")):
        state = path.lstat()
        found[str(path.relative_to(release / "static"))] = (
            f"{stat.filemode(state.st_mode)} {state.st_uid}:{state.st_gid}"
        )
    return found


def test_regular_files_alone_are_taken_and_they_are_root_s(
    release: Path, place: Path, victim: Path
) -> None:
    (place / "a.tar").write_bytes(
        archive(
            ("css", tarfile.DIRTYPE, "", 0o777),
            ("css/a.css", tarfile.REGTYPE, "", 0o4777),
            ("private.js", tarfile.REGTYPE, "", 0o600),
            ("link", tarfile.SYMTYPE, str(victim / "secret"), 0o777),
            ("near", tarfile.SYMTYPE, "css/a.css", 0o777),
            ("out", tarfile.SYMTYPE, "../../../victim", 0o777),
            ("out/planted", tarfile.REGTYPE, "", 0o644),
            ("../../escaped", tarfile.REGTYPE, "", 0o644),
            (f"{place}/absolute", tarfile.REGTYPE, "", 0o644),
            ("pipe", tarfile.FIFOTYPE, "", 0o644),
            ("device", tarfile.CHRTYPE, "", 0o666),
        )
    )
    before = facts(victim)
    done = collect(release, f"cat {place}/a.tar")
    assert facts(victim) == before
    assert not (place / "absolute").exists()
    assert not (place / "releases/escaped").exists()
    assert not (place / "escaped").exists()
    kinds = {each.split()[0][0] for each in tree(release).values()}
    assert kinds <= {"d", "-"}
    assert {each.split()[1] for each in tree(release).values()} <= {"0:0"}
    assert {each.split()[0][1:] for each in tree(release).values()} <= {"rwxr-xr-x", "rw-r--r--"}
    if done.returncode == 0:  # tar may as well refuse such an archive as a whole
        assert (release / "collected").read_text() == "d" * 64 + "\n"


def test_what_is_there_stays_and_what_is_new_takes_its_place(release: Path, place: Path) -> None:
    for number, names in enumerate((("a.css", "only-then.css"), ("a.css", "b.css"))):
        entries = [(name, tarfile.REGTYPE, "", 0o644) for name in names]
        (place / f"{number}.tar").write_bytes(archive(*entries))
        done = collect(release, f"cat {place}/{number}.tar")
        assert done.returncode == 0, done.stderr
    assert tree(release) == dict.fromkeys(("a.css", "b.css", "only-then.css"), "-rw-r--r-- 0:0")
    assert sorted(path.name for path in release.iterdir()) == ["collected", "static"]


@pytest.mark.parametrize("wrong", ["echo why >&2; exit 1", "head -c 700 {}", "true", "kill -9 $$"])
def test_a_collection_that_fails_leaves_what_was_there(
    release: Path, place: Path, wrong: str
) -> None:
    (place / "a.tar").write_bytes(archive(("a.css", tarfile.REGTYPE, "", 0o644)))
    assert collect(release, f"cat {place}/a.tar").returncode == 0
    (release / "collected").write_text("before\n")
    done = collect(release, wrong.format(place / "a.tar"))
    assert done.returncode != 0
    assert ("why" in done.stderr) == ("why" in wrong)
    assert (release / "collected").read_text() == "before\n"
    assert tree(release) == {"a.css": "-rw-r--r-- 0:0"}


def test_a_collection_without_an_end_is_cut_off(
    release: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes it: systemd starts the process elsewhere, where no limit of the shell's is."""
    monkeypatch.setattr(archives, "MAX_ARCHIVE_SIZE", 50_000)
    (place / "a.tar").write_bytes(archive(("a.css", tarfile.REGTYPE, "", 0o644)))
    largest = f"while sleep 0.01; do stat -c %s {release}/static.tar; done 2> /dev/null"
    watch = subprocess.Popen(["sh", "-c", largest], stdout=subprocess.PIPE, start_new_session=True)
    done = collect(release, f"cat {place}/a.tar; yes")
    os.killpg(watch.pid, signal.SIGTERM)
    sizes = [int(line) for line in watch.communicate()[0].split()]
    assert max(sizes, default=0) <= 50_000
    assert "the static files have more than 50000 bytes" in done.stderr
    assert done.returncode != 0
    assert not [*release.iterdir()]


def test_static_files_of_an_older_bundle_become_root_s(
    release: Path, place: Path, victim: Path
) -> None:
    older = place / "releases/ba9876543210/static"
    (older / "css").mkdir(parents=True)
    (older / "css/a.css").write_text("a")
    (older / "css/log.txt").symlink_to(victim / "secret")
    os.mkfifo(older / "pipe")
    for path in (older, *older.rglob("*")):
        os.chown(path, 1, 1, follow_symlinks=False)
    before = facts(victim)
    (place / "a.tar").write_bytes(archive(("a.css", tarfile.REGTYPE, "", 0o644)))
    assert collect(release, f"cat {place}/a.tar").returncode == 0
    assert tree(older.parent) == {"css": "drwxr-xr-x 0:0", "css/a.css": "-rw-r--r-- 0:0"}
    assert facts(victim) == before


def test_nothing_that_the_user_may_not_read_is_packed_for_nginx(
    place: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`find` names the file of a directory, and `tar` meets a link to root's directory."""
    root = place / "static"
    (root / "a").mkdir(parents=True)
    (root / "a/secret").write_text("public\n")
    for path in (root, root / "a"):
        shutil.chown(path, USER)
    swap = f"mv {root}/a {root}/.b; ln -s {victim} {root}/a"
    names = f"{place}/web/names"
    (place / "web").mkdir(mode=0o777)
    (place / "web").chmod(0o777)
    find = (
        f'[ "$(pwd)" = {root} ] || exec /usr/bin/find "$@"; '
        f'/usr/bin/find "$@" > {names}; {swap}; cat {names}'
    )
    stand_ins = programs(place / "bin", find=find)
    monkeypatch.setenv("PATH", f"{stand_ins}:{os.environ['PATH']}")
    for name, value in (
        ("USER", USER),
        ("STATIC_FILES", f"{place}/nginx/static"),
        ("STATIC_ARCHIVE", f"{place}/nginx/static.tar.gz"),
        ("COLLECTED", f"{place}/stamp"),
    ):
        monkeypatch.setattr(delivery, name, value)
    (place / "stamp").write_text("one\n")
    with pytest.raises(PyinfraError):
        run(delivery.deliver, source="@local", privilege="root", root=str(root))
    assert (root / "a").is_symlink()  # the race took place
    found = subprocess.run(["grep", "-rl", "root only", place], capture_output=True, text=True)
    assert found.stdout.split() == [str(victim / "secret")]


# What another user's process says, and how long it may take


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ("printf 'a\\033[31mb\\302\\233c\\rd\\ne\\n'; exit 7", 7, "a?[31mb?c?d\ne\n"),
        ("printf 'ümläut\\n'; echo error >&2", 0, "ümläut\nerror\n"),
        ("sleep 30", 124, ""),
        ("cat", 0, "input\n"),
    ],
)
def test_what_is_said_is_limited_and_harmless(command: str, status: int, output: str) -> None:
    began = time.monotonic()
    done = shell(limited(command, seconds=2), stdin="input\n")
    assert (done.returncode, done.stdout) == (status, output)
    assert time.monotonic() - began < 20


def test_endless_output_and_what_stays_behind_do_not_hold_root_up() -> None:
    began = time.monotonic()
    assert len(shell(limited("yes", seconds=9, size=1000)).stdout) == 1000
    shell(limited("setsid sleep 60 & echo said", seconds=1))
    assert time.monotonic() - began < 30


@pytest.fixture
def workers(place: Path) -> Path:
    path = place / "workers"
    path.mkdir()
    shutil.chown(path, USER)
    return path


def loaded(workers: Path, present: str) -> int:
    script = service._LOADED.replace(str(LOCATIONS.workers), str(workers))
    script = script.replace("-u omero-web", f"-u {USER}")
    done = shell(f'now="{present}\nmore"; ( {script} )')
    assert done.stdout == ""
    return done.returncode


def test_a_worker_s_file_is_believed_and_a_pipe_waits_for_nobody(workers: Path) -> None:
    present = f"0123456789ab {'d' * 64}"
    (workers / str(os.getpid())).write_text(present)
    (workers / "4194305").write_text(present)  # above the kernel's highest: it has ended
    assert loaded(workers, present) == 0
    assert loaded(workers, present.replace("d", "e")) == 1
    (workers / str(os.getpid())).unlink()
    assert loaded(workers, present) == 1
    began = time.monotonic()
    os.mkfifo(workers / "1")
    os.symlink("/dev/zero", workers / "2")
    assert loaded(workers, present) == 1
    assert time.monotonic() - began < 20


# An existing installation, of a user of its own

FORMER_USER = "games"


@pytest.fixture
def former(place: Path, omerodir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another OMERODIR, and ours still to be made."""
    shutil.rmtree(omerodir)
    monkeypatch.setattr(takeover, "LOCATIONS", Locations(omerodir, LOCATIONS.desired_state))
    monkeypatch.setattr(takeover, "USER", USER)
    path = place / "former"
    (path / "etc/grid").mkdir(parents=True)
    (path / "var").mkdir()
    (path / "etc/grid/config.xml").write_text("<icegrid/>\n")
    (path / "etc/grid/config.xml").chmod(0o600)
    (path / "var/django_secret_key").write_text("key\n")
    for each in (path, *path.rglob("*")):
        shutil.chown(each, FORMER_USER, FORMER_USER)
    return path


def test_its_configuration_is_read_as_its_owner_and_belongs_to_the_service(
    former: Path, omerodir: Path
) -> None:
    run(takeover.carry_over, found=ExistingInstallation(omerodir=str(former)))
    assert (omerodir / "etc/grid/config.xml").read_text() == "<icegrid/>\n"
    assert owner(omerodir / "etc/grid/config.xml") == f"{USER} 640"
    assert owner(omerodir / "var/django_secret_key") == f"{USER} 600"
    assert owner(omerodir) == "root 755"


@pytest.mark.parametrize("where", ["etc/grid/config.xml", "etc/grid", "etc"])
def test_a_link_in_it_gives_nothing_of_root_s_away(
    former: Path, omerodir: Path, victim: Path, where: str
) -> None:
    (victim / "grid").mkdir(mode=0o700)
    for name in ("config.xml", "grid/config.xml"):
        (victim / name).write_text("root only\n")
        (victim / name).chmod(0o600)
    before = facts(victim)
    target = victim / "config.xml" if where.endswith("xml") else victim
    (former / where).rename(former / "moved")
    (former / where).symlink_to(target)
    os.chown(former / where, former.stat().st_uid, -1, follow_symlinks=False)
    with pytest.raises(PyinfraError):
        run(takeover.carry_over, found=ExistingInstallation(omerodir=str(former)))
    assert facts(victim) == before
    assert not (omerodir / "etc/grid/config.xml").exists()


def test_files_of_the_former_user_and_no_others_are_given_away(
    omerodir: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "LOCATIONS", Locations(omerodir, LOCATIONS.desired_state))
    monkeypatch.setattr(takeover, "USER", USER)
    (omerodir / "var/log/a.log").write_text("x")
    (omerodir / "var/log/link").symlink_to(victim)
    for path in (omerodir / "var", *(omerodir / "var").rglob("*")):
        shutil.chown(path, FORMER_USER) if not path.is_symlink() else None
    (omerodir / "var/log/root.log").write_text("x")
    before = facts(victim)
    assert run(takeover.give_files) is True
    assert (omerodir / "var/log/a.log").owner() == (omerodir / "var").owner() == USER
    assert (omerodir / "var/log/root.log").owner() == "root"
    assert facts(victim) == before
