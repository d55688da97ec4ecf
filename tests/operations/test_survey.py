"""What a host says of itself, asked of this machine by a real shell."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from roles.operations import prefetch
from roles.operations.deploy_lock import LOOK
from roles.operations.lock_holder import NOBODY, Holder
from roles.operations.packages import MissingPackages
from roles.operations.users import HasUser
from roles.survey import Survey, disks, fact
from roles.survey.fact import HostSurvey, Session, SessionUser
from tests.operations.local import ask, programs, shell

NONCE = "5f0c"


@pytest.fixture
def listening() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def survey(*ports: int, names: tuple[str, ...] = (), stand_ins: str | None = None) -> Survey:
    found = ask(
        HostSurvey, ports=ports, names=names, nonce=NONCE, stdin=f"{NONCE}\n", stand_ins=stand_ins
    )
    assert isinstance(found, Survey)
    return found


def own_command_line() -> str:
    words = Path("/proc/self/cmdline").read_bytes().decode().split("\0")
    return " ".join(words).strip()


def test_this_machine_is_described() -> None:
    found = survey()
    release = platform.freedesktop_os_release()
    assert found.id == release["ID"]
    assert found.version == release.get("VERSION_ID", "")
    assert found.arch == platform.machine()
    assert found.is_debian is ("debian" in (release["ID"], *release.get("ID_LIKE", "").split()))
    assert found.platform == f"{found.id}-{found.version}-{found.arch}"
    assert found.systemd is Path("/run/systemd/system").is_dir()
    if found.python:
        assert Path("/usr/bin/python3").resolve().name == "python{}.{}".format(*found.python)
    else:
        assert not Path("/usr/bin/python3").exists()
    assert found.ipv6 is Path("/proc/net/if_inet6").exists()
    assert {*found.disks} == {*disks.DIRECTORIES}
    for place, free in found.disks.items():
        assert free.kilobytes > 0
        assert free.inodes is None or free.inodes > 0
        assert free.mount.startswith("/") and place.startswith(free.mount)
    assert found.listeners == {}


def test_a_port_that_is_listened_on_is_told_with_the_command_line(listening: int) -> None:
    found = survey(listening)
    assert set(found.listeners) == {listening}
    assert found.listeners[listening] == own_command_line()[:600].strip()


# What would be a line of the survey's own, and what makes a line of a text on the way.
FORGED = (
    "existing=init /tmp/evil",
    f"{NONCE} existing=init /tmp/evil",
    "privilege=none",
    "user=yes",
)
NASTY = st.builds(
    "{}{}{}{}".format,
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["\n", "\\n", "\\012", "\r", "\v", "\x85", "\t", "\\c", "%b", "\n\n"]),
    st.sampled_from(FORGED),
    st.sampled_from(["\n", "", "\\nx=", "\udcff"]),
)
LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


def truth(found: Survey) -> Survey:
    """Without what others decide, or what changes from one second to the next."""
    return replace(found, listeners={}, disks={}, lock=NOBODY, prefetched=prefetch.NO_FACTS)


@settings(max_examples=12, deadline=None)
@given(words=st.lists(NASTY, min_size=1, max_size=3))
@example(words=["omeroweb.wsgi /opt/omero/web/gunicorn.conf.py \\nexisting=init /tmp/evil\\nx="])
@example(words=[f"x\n{NONCE} existing=init /tmp/evil\ny"])
def test_a_command_line_makes_no_line_of_the_survey(words: list[str]) -> None:
    encoded = [os.fsencode(word) for word in words]
    with subprocess.Popen(
        [os.fsencode(sys.executable), b"-c", os.fsencode(LISTEN), *encoded],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stdin
        port = int(process.stdout.readline())
        found = survey(port)
        process.stdin.close()
    assert truth(found) == truth(survey())
    assert set(found.listeners) == {port}
    assert found.listeners[port].isprintable() and found.listeners[port].isascii()


@settings(max_examples=12, deadline=None)
@given(target=NASTY, name=NASTY)
@example(target="x\nexisting=init /tmp/evil", name="y")
@example(target=f"x\n{NONCE} existing=init /tmp/evil", name="y")
def test_neither_a_name_nor_a_link_s_target_makes_one(target: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        (Path(folder) / "link").symlink_to(target)
        (Path(folder) / ("n" + name.replace("/", "|"))).write_text("x")
        (Path(folder) / "true").write_text("x")
        script = fact._SCRIPT.replace(prefetch.PREFETCHED_PATHS[0], f"{folder}/*")
        patch.setattr(fact, "_SCRIPT", script)
        found = survey()
        assert found.prefetched.states is not None
        states = {path: each for path, each in found.prefetched.states.items() if folder in path}
    assert truth(found) == truth(survey())
    assert set(states.values()) >= {states[f"{folder}/true"], states[f"{folder}/link"]}
    assert len(states) == 3
    assert states[f"{folder}/link"].startswith("link ")
    assert all(each.isprintable() and each.isascii() for each in (*states, *states.values()))


def test_the_nonce_is_in_no_command_line(tmp_path: Path) -> None:
    """Which every user of the host can read while the survey runs."""
    nonce = secrets.token_hex(16)
    log = tmp_path / "log"
    # programs that the survey calls, each of which looks at all command lines
    look = f"cat /proc/[0-9]*/cmdline >> {log} 2> /dev/null"
    stand_ins = programs(
        tmp_path / "bin", **{name: f'{look}; exec /usr/bin/{name} "$@"' for name in ("tr", "find")}
    )
    asked = HostSurvey()
    done = shell(asked.command((), nonce), stdin=f"{nonce}\n", stand_ins=stand_ins)
    assert nonce in done.stdout
    assert b"SURVEY" in log.read_bytes() or b"one_line" in log.read_bytes()
    assert nonce.encode() not in log.read_bytes()


def test_ports_that_were_not_asked_for_are_not_told(listening: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        asked = other.getsockname()[1]
        assert set(survey(asked).listeners) == {asked}


def test_a_port_that_nobody_listens_on_is_free() -> None:
    with socket.socket() as bound:  # bound but not listening
        bound.bind(("127.0.0.1", 0))
        assert survey(bound.getsockname()[1]).listeners == {}


def test_a_connection_from_a_port_does_not_hold_it(listening: int) -> None:
    with socket.create_connection(("127.0.0.1", listening)) as client:
        assert survey(client.getsockname()[1]).listeners == {}


def test_a_listener_on_ipv6_is_told() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        port = server.getsockname()[1]
        assert survey(port).listeners[port] == own_command_line()[:600].strip()


def test_root_needs_nothing_else(tmp_path: Path) -> None:
    stand_ins = programs(tmp_path / "bin", id="echo 0", sudo="exit 1")
    assert survey(stand_ins=stand_ins).privilege == "root"


def test_a_user_who_may_sudo_is_surveyed_with_sudo(tmp_path: Path, listening: int) -> None:
    log = tmp_path / "log"
    stand_ins = programs(
        tmp_path / "bin",
        id="echo 1000",
        sudo=f'echo "$1 $2" >> {log}; [ "$1" = -n ] || exit 1; shift; exec "$@"',
    )
    found = survey(listening, stand_ins=stand_ins)
    assert found.privilege == "sudo"
    assert log.read_text().splitlines() == ["-n true", "-n sh"]
    assert listening in found.listeners


def test_root_by_pyinfra_s_sudo_keeps_the_user_s_address(tmp_path: Path) -> None:
    """sudo with a password is pyinfra's; it hides the session, which was asked before."""
    stand_ins = programs(tmp_path, id="echo 1000")
    session = 'SSH_CONNECTION="10.0.0.9 5000 10.0.0.5 22"; export SSH_CONNECTION\n'
    done = shell(session + Session().command(), stand_ins=stand_ins)
    assert Session().process(done.stdout.splitlines()) == SessionUser(False, "10.0.0.9")
    found = ask(
        HostSurvey,
        ports=(),
        nonce=NONCE,
        lock="false",
        privilege="sudo",
        address="10.0.0.9",
        stdin=f"{NONCE}\n",
        stand_ins=programs(tmp_path / "root", id="echo 0"),
    )
    assert (found.privilege, found.lock.origin) == ("sudo", "10.0.0.9")


def test_a_user_who_may_not_sudo_is_surveyed_without(tmp_path: Path) -> None:
    stand_ins = programs(tmp_path / "bin", id="echo 1000", sudo="exit 1")
    found = survey(stand_ins=stand_ins)
    assert found.privilege == "none"
    assert found.id


def test_a_silent_host_is_one_that_may_nothing() -> None:
    asked = HostSurvey()
    asked.command((), NONCE)
    assert asked.process([]) == Survey() == HostSurvey.default()


def test_who_deploys_is_told_as_it_is_written_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = fact._SCRIPT.replace("/run/omeroweb-ops", str(tmp_path / "lock"))
    monkeypatch.setattr(fact, "_SCRIPT", script)
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock/owner").write_text("token\nboot:1:2:3\nanna@laptop since 17:05\n")
    (tmp_path / "lock/renewed").write_text(Path("/proc/uptime").read_text().split(".")[0] + "\n")
    asked = HostSurvey()
    stand_ins = programs(tmp_path / "bin", id="echo 0")
    command = asked.command((), NONCE, lock=LOOK)
    done = shell(command, stdin=f"{NONCE}\n", stand_ins=stand_ins)
    found = asked.process(done.stdout.splitlines()).lock
    assert found == Holder("alive", "token", "boot:1:2:3", "anna@laptop since 17:05")


def test_answers_are_read_line_by_line() -> None:
    asked = HostSurvey()
    asked.command((), NONCE)
    lines = [
        "privilege=sudo",
        "id=ubuntu",
        "like=debian",
        "version=24.04",
        "arch=aarch64",
        "systemd=252",
        "disk=/opt/omero/web 12345 - /",
        "ip=10.0.0.5",
        "lock_state=running",
        "lock_sentence=anna@laptop has been deploying to this host since 17:05",
        "port=0050 nginx: master process a=b",
        "port=18EB ",
    ]
    found = asked.process([f"{NONCE} {line}" for line in lines] + ["id=forged", f"x {NONCE} id=x"])
    assert (found.privilege, found.id, found.version) == ("sudo", "ubuntu", "24.04")
    assert (found.systemd, found.ipv6, found.ip) == (True, False, "10.0.0.5")
    assert found.disks == {"/opt/omero/web": disks.FreeSpace(12345, None, "/")}
    assert found.listeners == {80: "nginx: master process a=b", 6379: ""}
    assert found.manager == "systemd"
    assert found.lock.state == "running"
    assert found.lock.sentence.startswith("anna@laptop has been")
    assert found.is_debian


@pytest.mark.parametrize(
    ("system", "like", "is_debian"),
    [
        ("debian", "", True),
        ("ubuntu", "debian", True),
        ("linuxmint", "ubuntu debian", True),
        ("rocky", "rhel centos fedora", False),
        ("", "", False),
    ],
)
def test_debian_and_what_is_made_of_it_will_do(system: str, like: str, is_debian: bool) -> None:
    assert Survey(id=system, like=like).is_debian is is_debian


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").exists(), reason="no Debian")
def test_packages_that_are_not_installed_are_told_in_order() -> None:
    names = ("no-such-package-b", "dpkg", "no-such-package-a", "base-files")
    assert ask(MissingPackages, names=names) == ["no-such-package-b", "no-such-package-a"]
    assert ask(MissingPackages, names=("dpkg",)) == []


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        ("installed", False),
        ("config-files", True),  # removed, not purged
        ("unpacked", True),  # dpkg was killed
        ("half-configured", True),
        ("not-installed", True),
    ],
)
def test_only_a_package_that_is_configured_counts_as_installed(
    tmp_path: Path, status: str, missing: bool
) -> None:
    stand_ins = programs(tmp_path / "bin", dpkg_query=f"echo {status}")
    assert ask(MissingPackages, names=("nginx",), stand_ins=stand_ins) == ["nginx"] * missing


def test_a_user_is_there_only_with_its_group(tmp_path: Path) -> None:
    for databases, expected in (("passwd group", True), ("passwd", False), ("", False)):
        script = f'case " {databases} " in *" $1 "*) echo "$2:x" ;; *) exit 2 ;; esac'
        stand_ins = programs(tmp_path / "bin", getent=script)
        assert ask(HasUser, stand_ins=stand_ins) is expected


def test_a_holder_that_cannot_be_seen_is_looked_for_among_all_processes_of_its_user(
    tmp_path: Path, listening: int
) -> None:
    """As in a container without SYS_PTRACE; the right one must not be cut off behind others."""
    stand_ins = programs(tmp_path / "bin", find="exit 1")
    assert own_command_line()[:60] in survey(listening, stand_ins=stand_ins).listeners[listening]


def test_a_process_that_ends_meanwhile_hides_nobody_who_shares_its_port(
    tmp_path: Path, listening: int
) -> None:
    """A gunicorn that has taken over, and the one before."""
    find = f'echo /proc/{2**22}/fd/3; exec {shutil.which("find")} "$@"'
    stand_ins = programs(tmp_path / "bin", find=find)
    found = survey(listening, stand_ins=stand_ins)
    assert found.listeners[listening] == own_command_line()[:600].strip()


def test_a_port_is_free_where_its_holder_ends_meanwhile(tmp_path: Path, listening: int) -> None:
    gone = f"[ -e {tmp_path}/asked ] && exit; touch {tmp_path}/asked; exec {shutil.which('cat')} "
    stand_ins = programs(tmp_path / "bin", find="exit 1", cat=gone + '"$@"')
    assert survey(listening, stand_ins=stand_ins).listeners == {}


def test_the_survey_leaves_nothing_behind(tmp_path: Path) -> None:
    before = set(os.listdir("/tmp"))
    survey(80)
    ours = {name for name in set(os.listdir("/tmp")) - before if "survey" in name.lower()}
    assert ours == set()


def test_names_of_other_hosts_are_told_with_their_addresses() -> None:
    found = survey(names=("localhost", "10.0.0.3", "fd00::3", "no.invalid"))
    assert set(found.addresses) == {"localhost", "10.0.0.3", "fd00::3"}
    assert {"127.0.0.1", "::1"} & set(found.addresses["localhost"])
    assert found.addresses["10.0.0.3"] == ["10.0.0.3"]
    assert found.addresses["fd00::3"] == ["fd00::3"]


def test_the_packet_filter_counts_only_where_it_can_be_set(tmp_path: Path) -> None:
    permitted = programs(tmp_path / "yes", nft="exit 0", sudo="exit 1")
    refused = programs(tmp_path / "no", nft="exit 1", sudo="exit 1")
    assert survey(stand_ins=permitted).nft is True
    assert survey(stand_ins=refused).nft is False
