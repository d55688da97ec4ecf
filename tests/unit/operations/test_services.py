"""A service's description for supervisor, and what is read back of its state."""

from __future__ import annotations

import configparser
import shlex
import subprocess
from dataclasses import replace

import pytest

from roles import host_paths
from roles.inventory.settings import Settings
from roles.nginx import role as nginx
from roles.operations import services
from roles.operations.files import File
from roles.operations.services import CurrentState, Service, ServiceState
from roles.redis import role as redis
from roles.survey.existing_nginx import ExistingNginx
from roles.target import Target
from roles.web import files, process_manager, release
from roles.web.ice import Wheel
from roles.web.service import omero_web
from tests.unit.helpers import SURVEY, a_host, only_member, site_of

RELEASE = release.Release("lock", Wheel(None, "key"), "debian-12-x86_64")


def program(service: Service) -> configparser.SectionProxy:
    """As supervisor reads it: ' ;' starts a comment, % is for expansions."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",), strict=True)
    parser.read_string(service.program().content)
    (section,) = parser.sections()
    assert section == f"program:{service.name}"
    return parser[section]


def of(target: release.Release, manager: str = "supervisor") -> Service:
    return omero_web(target, Settings(), manager, socket=manager == "systemd")


ALL = [of(RELEASE), nginx.service(), redis.service(), services.cron()]


@pytest.mark.parametrize("described", ALL, ids=lambda each: each.name)
def test_a_program_is_run_as_described(described: Service) -> None:
    section = program(described)
    command = shlex.split(section["command"])
    assert command[-len(shlex.split(described.command)) :] == shlex.split(described.command)
    assert section["user"] == described.user
    assert section["autorestart"] == "true"  # a crash is not the end
    assert int(section["stopwaitsecs"]) == described.stop_seconds
    assert "%" not in described.command


@pytest.mark.parametrize("described", ALL, ids=lambda each: each.name)
def test_a_program_s_file_has_its_name_and_belongs_to_root(described: Service) -> None:
    file = described.program()
    assert file.path == f"/etc/supervisor/conf.d/{described.name}.conf"
    assert (file.owner, file.mode) == ("root:root", "644")


def test_a_program_of_another_user_has_no_new_privileges_and_its_own_environment_alone() -> None:
    described = Service("x", "printenv", user="x", environment=(("A", "1"), ("B", "2")))
    command = shlex.split(program(described)["command"])
    assert command[:3] == ["/usr/bin/setpriv", "--no-new-privs", "--"]
    done = subprocess.run(
        command[3:], env={"TOKEN": "x"}, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert {"A": "1", "B": "2"}.items() <= found.items()
    assert found.keys() == {"A", "B", "PATH", "LANG"}
    assert program(Service("x", "/bin/x"))["command"] == "/bin/x"


def test_the_current_directory_of_a_program_is_root_s() -> None:
    assert {program(each)["directory"] for each in ALL} == {"/", "/opt/omero/web"}
    assert program(of(RELEASE))["directory"] == "/opt/omero/web"  # gunicorn imports from it
    assert program(of(RELEASE))["umask"] == "027"


def test_omero_web_runs_in_the_foreground_as_its_own_user() -> None:
    described = of(RELEASE)
    assert described.user == "omero-web"
    assert dict(described.environment)["OMERODIR"] == "/opt/omero/web/OMERO.web"
    command = dict(described.environment)[process_manager.COMMAND]
    assert of(RELEASE, "systemd").command == command
    assert command.startswith("/opt/omero/web/venv3/bin/gunicorn --config ")
    assert "--daemon" not in command
    # supervisor kills the process manager later than that kills gunicorn
    assert described.stop_seconds > float(described.command.split()[1]) > 30


def test_supervisor_opens_the_socket_for_nginx_alone() -> None:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",), strict=True)
    opened = services.Socket("/run/x.sock", "omero-web:www-data")
    parser.read_string(of(RELEASE).program(opened).content)
    section = parser["fcgi-program:omero-web"]  # the socket is its descriptor 0
    assert section["socket"] == "unix:///run/x.sock"
    assert (section["socket_owner"], section["socket_mode"]) == ("omero-web:www-data", "0660")
    plain = program(of(RELEASE))
    assert {*section} - {*plain} == {
        "socket", "socket_owner", "socket_mode", "socket_backlog"
    }  # fmt: skip


def test_the_socket_belongs_to_nginx_s_group_and_hosts_without_nginx_have_none() -> None:
    for nginx_group, described in (("web", "socket_owner=omero-web:web"), (None, None)):
        site = site_of(a_host())
        survey = replace(SURVEY, systemd=False, nginx=ExistingNginx(group=nginx_group or "x"))
        target = Target(site, only_member(site), survey)
        own = omero_web(RELEASE, Settings(), "supervisor", socket=nginx_group is not None)
        (text,) = (
            item.content
            for item in files.site_items(target, own)
            if isinstance(item, File) and item.path == host_paths.WEB_PROGRAM
        )
        assert (described in text) if described else ("socket" not in text)


@pytest.mark.parametrize("manager", ["systemd", "supervisor"])
def test_another_release_is_handed_over_to(manager: str) -> None:
    other = release.Release("other lock", Wheel(None, "key"), "debian-12-x86_64")
    assert of(RELEASE, manager).restart_on == of(other, manager).restart_on
    assert of(RELEASE, manager).reload_on != of(other, manager).reload_on
    assert "config digest" in of(RELEASE, manager).reload_on


def test_a_host_with_systemd_is_not_restarted_for_the_sake_of_supervisor_s() -> None:
    """The output decides, and `cat` reports a file that is not there."""
    assert "process-manager" not in of(RELEASE, "systemd").restart_on
    assert "process-manager" in of(RELEASE).restart_on


@pytest.mark.parametrize(
    ("output", "state"),
    [
        ([], ServiceState()),
        (
            [
                "ActiveState=active",
                "UnitFileState=enabled",
                "NeedDaemonReload=no",
                "restarted",
                "reloaded",
            ],
            ServiceState(True, True, False, True, True),
        ),
        (
            ["ActiveState=failed", "UnitFileState=disabled", "NeedDaemonReload=yes", "restarted"],
            ServiceState(False, False, True, True, False),
        ),
        (["ActiveState=activating"], ServiceState(False)),
        (
            ["ActiveState=active", "ActiveState=inactive", "UnitFileState=enabled"],
            ServiceState(enabled=True),  # a socket beside its service
        ),
        (["ActiveState=inactive"], ServiceState(False)),
    ],
)
def test_a_state_is_read_from_what_the_host_says(output: list[str], state: ServiceState) -> None:
    assert CurrentState().process(output) == state
