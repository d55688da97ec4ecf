"""What follows from the paths that the bundle makes on a host."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from roles import host_paths, remove
from roles.operations import firewall, omerodir
from roles.operations.files import Absent
from roles.operations.prefetch import PrefetchedFacts
from tests.unit.test_host_scripts import items

SCRIPT = (Path(remove.__file__).parent / "remove.sh").read_text("utf-8")
DOCS = Path(__file__).parents[2] / "docs"
WRITTEN = {
    item.path
    for item in [
        *items("systemd"),
        *items("supervisor"),
        *omerodir.directories(),
        *firewall.items([firewall.ClosedPort(4080, ("10.0.0.1",), ())], systemd=True),
    ]
    if not isinstance(item, Absent)
}


def _page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(WRITTEN))
def test_what_roles_write_is_owned_and_prefetched(path: str) -> None:
    programs = str(PurePosixPath(path).parent) in (
        host_paths.SUPERVISOR_PROGRAMS,  # end with the services
        "/etc/systemd/system/nftables.service.d",
        "/etc/systemd/system",
    )
    assert host_paths.is_owned(path) or programs
    assert PrefetchedFacts(states={}).state(path) == "absent"  # None: nobody asked


def test_the_removal_gets_all_that_is_owned_and_every_variable_of_its_script() -> None:
    script = remove.command("remove")
    (owned,) = re.findall(r"^owned='(.*)'$", script, re.M)
    assert owned.split() == [*host_paths.OWNED]
    (listed,) = re.findall(r"^# Set before: ((?:.*\n)*?)action=", SCRIPT, re.M)
    assigned = {*re.findall(r"^(\w+)=", script, re.M)}
    for name in ("users", "base", "omerodir", "state", "stamps", "record", "defaults", "run"):
        assert name in listed and name in assigned


@pytest.mark.parametrize("path", host_paths.OWNED)
def test_the_table_names_what_is_owned(path: str) -> None:
    (table,) = re.findall(r"^# Files on a host\n(.*?)\nUsers: ", _page("host-files.md"), re.S)
    pure = PurePosixPath(path)
    named = re.findall(r"`([^`]+)`", table)
    assert any(each in (path, pure.name, f"{pure.parent.name}/{pure.name}") for each in named) or (
        any(pure.parent.name == PurePosixPath(each).name for each in named)
    )


def test_no_path_is_owned_twice() -> None:
    assert len({*host_paths.OWNED}) == len(host_paths.OWNED)
    for path in host_paths.OWNED:
        others = [PurePosixPath(each) for each in host_paths.OWNED if each != path]
        assert not any(PurePosixPath(path).is_relative_to(other) for other in others)
