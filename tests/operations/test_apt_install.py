"""Debian packages on a machine where something else installs them too, with stand-ins for apt."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.operations.local import ROOT, programs

SCRIPT = ROOT / "roles/operations/apt_install.sh"
LOCKED = "echo 'dpkg: error: dpkg frontend lock was locked by another process with pid 7' >&2"


# The command without its options -o, each of which is one argument
LOG = """words=${0##*/} option=
for word in "$@"; do
    if [ -n "$option" ]; then option=; elif [ "$word" = -o ]; then option=yes
    else words="$words $word"; fi
done
echo "$words" >> LOG"""


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.record = folder, folder / "log", ""
        self.log.touch()
        (folder / "lists").mkdir()
        (folder / "lock").touch()
        text = SCRIPT.read_text().replace("/var/lib/apt/lists\n", f"{folder}/lists\n")
        text = text.replace("/var/lib/dpkg/lock-frontend", f"{folder}/lock")
        text = text.replace("limit=600", "limit=3").replace("report_every=15", "report_every=1")
        (folder / "apt_install.sh").write_text(text)

    def run(self, *, dpkg: str = "", apt: str = "") -> subprocess.CompletedProcess[str]:
        log = LOG.replace("LOG", str(self.log)) + "\n"
        path = programs(self.folder / "bin", dpkg=log + dpkg, apt_get=log + apt)
        return subprocess.run(
            ["sh", self.folder / "apt_install.sh", "nginx", "curl"],
            env={
                **os.environ,
                "PATH": f"{path}:{os.environ['PATH']}",
                "record": self.record,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


CONFIGURE = "dpkg --configure -a"
UPDATE = "apt-get update -q"
INSTALL = "apt-get install -q -y --no-install-recommends nginx curl"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_lists_they_are_fetched_first(machine: Machine) -> None:
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.calls == [CONFIGURE, UPDATE, INSTALL]


def test_fresh_lists_will_do_unless_they_do_not(machine: Machine) -> None:
    (machine.folder / "lists" / "a_Packages").touch()
    assert machine.run().returncode == 0
    assert machine.calls == [CONFIGURE, INSTALL]
    machine.log.write_text("")
    gone = f'[ "$1" = update ] || grep -q update {machine.log} || {{ echo 404 >&2; exit 100; }}'
    done = machine.run(apt=gone)
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls == [CONFIGURE, INSTALL, UPDATE, INSTALL]


def test_one_broken_source_is_not_the_end(machine: Machine) -> None:
    assert machine.run(apt='[ "$1" != update ] || exit 100').returncode == 0
    assert machine.calls == [CONFIGURE, UPDATE, INSTALL]


@pytest.mark.parametrize(
    "step", ["dpkg", "apt-get update", "apt-get install"], ids=lambda step: str(step).split()[-1]
)
def test_another_that_has_the_lock_is_named_and_waited_for(machine: Machine, step: str) -> None:
    said = LOCKED if step == "dpkg" else f"echo 'E: Could not get lock {machine.folder}/lock' >&2"
    first = f"[ -e {machine.folder}/tried ] || {{ touch {machine.folder}/tried; {said}; exit 2; }}"
    if " " in step:
        first = f'[ "$1" != {step.split()[1]} ] || {first}'
    with (machine.folder / "lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        done = machine.run(**{step.split()[0].split("-")[0]: first})
    name = Path("/proc/self/comm").read_text().strip()
    holder = f"waiting for {name} (process {os.getpid()}), which holds {machine.folder}/lock ("
    assert done.returncode == 0
    assert done.stdout.startswith(holder)
    assert [each for each in (CONFIGURE, UPDATE, INSTALL) if machine.calls.count(each) == 2]


def test_a_lock_that_is_never_let_go_is_the_end_with_its_reason(machine: Machine) -> None:
    done = machine.run(dpkg=f"{LOCKED}; exit 2")
    assert done.returncode == 1
    assert done.stdout.startswith("waiting for another program")
    assert done.stderr.startswith("dpkg: error: dpkg frontend lock")
    assert set(machine.calls) == {CONFIGURE}


def test_what_fails_otherwise_is_not_tried_again_and_is_told(machine: Machine) -> None:
    done = machine.run(
        apt='[ "$1" = update ] && echo "no network" >&2; echo "no such" >&2; exit 100'
    )
    assert done.returncode == 1
    assert "no network" in done.stderr and "no such" in done.stderr
    assert machine.calls == [CONFIGURE, UPDATE, INSTALL]


# What apt-get does with the hook: libold is only upgraded; of gone, the configuration is left
HOOKED = """
for word in "$@"; do case $word in DPkg::Pre-Install-Pkgs::=*)
    printf '/var/cache/apt/archives/%s\\n' libnew_1%3a1.0-2_amd64.deb libold_2_all.deb \\
        gone_1_amd64.deb nginx_1.22_amd64.deb | sh -c "${word#*=}" || exit ;;
esac; done
"""
INSTALLED = """[ "$1" = -W ] && [ "$3" = '${db:Status-Status} ${Package}\\n' ] || exit 1
printf 'installed libold\\nconfig-files gone\\ninstalled libother\\n'"""


def test_new_packages_are_recorded_before_they_are_installed(
    machine: Machine, tmp_path: Path
) -> None:
    record = tmp_path / "it has space/packages"
    machine.record = str(record)
    programs(machine.folder / "bin", dpkg_query=INSTALLED)
    failed = machine.run(apt=f"[ $1 != install ] && exit\n{HOOKED}exit 1")
    assert failed.returncode == 1
    assert {*record.read_text().split()} == {"libnew", "gone", "nginx"}
    assert machine.run().returncode == 0


def test_without_a_record_nothing_is_recorded(machine: Machine) -> None:
    assert machine.run(apt=HOOKED).returncode == 0
    assert machine.calls == [CONFIGURE, UPDATE, INSTALL]


@pytest.mark.parametrize("has_lists", [False, True])
def test_a_system_without_lists_gets_none_of_descriptions(
    machine: Machine, has_lists: bool
) -> None:
    if has_lists:
        (machine.folder / "lists/debian_Packages").touch()
        os.utime(machine.folder / "lists/debian_Packages", (0, 0))
    given = machine.folder / "given"
    assert machine.run(apt=f'[ $1 != update ] || echo "$*" > {given}').returncode == 0
    assert ("Acquire::Languages=none" in given.read_text()) is not has_lists
