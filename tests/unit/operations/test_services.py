"""A service's description for supervisor, and what is read back of its state."""

from __future__ import annotations

import configparser
import shlex
import subprocess

import pytest

from roles.inventory.settings import Settings
from roles.nginx import role as nginx
from roles.operations import services
from roles.operations.services import CurrentState, Service, ServiceState
from roles.redis import role as redis
from roles.web import release
from roles.web.ice import Wheel
from roles.web.service import liveness, omero_web

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


ALL = [of(RELEASE), liveness(), nginx.service(), redis.service(), services.cron()]


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
    assert "gunicorn" in described.command
    assert "--daemon" not in described.command


def test_another_release_is_handed_over_to_where_that_can_be_had() -> None:
    other = release.Release("other lock", Wheel(None, "key"), "debian-12-x86_64")
    assert of(RELEASE, "systemd").restart_on == of(other, "systemd").restart_on
    assert of(RELEASE, "systemd").reload_on != of(other, "systemd").reload_on
    assert of(RELEASE).restart_on != of(other).restart_on
    assert "config digest" in of(RELEASE).reload_on


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
