"""What a host says of itself, asked of this machine by a real shell."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from roles.packages import MissingPackages
from roles.survey import HostSurvey, Survey
from roles.web.user import HasUser
from tests.operations.local import ask, programs


@pytest.fixture
def listening() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def survey(*ports: int, stand_ins: str | None = None) -> Survey:
    found = ask(HostSurvey, ports=ports, stand_ins=stand_ins)
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
    assert found.ipv6 is Path("/proc/net/if_inet6").exists()
    assert found.free > 0
    assert found.listeners == {}


def test_a_port_that_is_listened_on_is_told_with_the_command_line(listening: int) -> None:
    found = survey(listening)
    assert set(found.listeners) == {listening}
    assert found.listeners[listening] == own_command_line()[:600].strip()


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


def test_a_user_who_may_not_sudo_is_surveyed_without(tmp_path: Path) -> None:
    stand_ins = programs(tmp_path / "bin", id="echo 1000", sudo="exit 1")
    found = survey(stand_ins=stand_ins)
    assert found.privilege == "none"
    assert found.id


def test_a_silent_host_is_one_that_may_nothing() -> None:
    assert HostSurvey().process([]) == Survey() == HostSurvey.default()


def test_answers_are_read_line_by_line() -> None:
    found = HostSurvey().process(
        [
            "privilege=sudo",
            "id=ubuntu",
            "like=debian",
            "version=24.04",
            "arch=aarch64",
            "systemd=252",
            "free=12345",
            "ip=10.0.0.5",
            "busy=yes",
            "port=0050 nginx: master process a=b",
            "port=18EB ",
        ]
    )
    assert (found.privilege, found.id, found.version) == ("sudo", "ubuntu", "24.04")
    assert (found.systemd, found.ipv6, found.free, found.ip) == (True, False, 12345, "10.0.0.5")
    assert found.listeners == {80: "nginx: master process a=b", 6379: ""}
    assert found.manager == "systemd"
    assert found.busy
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
    found = ask(HostSurvey, ports=(), names=("localhost", "10.0.0.3", "fd00::3", "no.invalid"))
    assert set(found.addresses) == {"localhost", "10.0.0.3", "fd00::3"}
    assert {"127.0.0.1", "::1"} & set(found.addresses["localhost"])
    assert found.addresses["10.0.0.3"] == ["10.0.0.3"]
    assert found.addresses["fd00::3"] == ["fd00::3"]


def test_the_packet_filter_counts_only_where_it_can_be_set(tmp_path: Path) -> None:
    permitted = programs(tmp_path / "yes", nft="exit 0", sudo="exit 1")
    refused = programs(tmp_path / "no", nft="exit 1", sudo="exit 1")
    assert survey(stand_ins=permitted).nft is True
    assert survey(stand_ins=refused).nft is False
