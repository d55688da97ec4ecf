"""The launcher on machines that have nothing but python3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.integration.images import ROOT

if TYPE_CHECKING:
    from tests.integration.conftest import MakeHost
    from tests.integration.hosts import Completed, Fleet, Host

PROJECT = "/srv/a site"
RUN = f"{PROJECT}/run"
VERSION = [RUN, "pyinfra", "--version"]

# Stands in for the real deploy: it tells what the launcher handed over.
DEPLOY = """
import os
from pyinfra import host
from roles import marker
print(f"site={host.data.site} cwd={os.getcwd()} marker={marker.VALUE}")
"""

# Starts the launcher and, once a path is there, kills everything that it has started.
KILL_ONCE_THERE = """
import glob, os, signal, subprocess, sys
def processes():
    return {int(pid) for pid in os.listdir("/proc") if pid.isdigit()}
launcher, path = sys.argv[1:]
assert not glob.glob(path), "there before it began"
before = processes()
run = subprocess.Popen([launcher, "pyinfra", "--version"], stderr=subprocess.DEVNULL)
while not glob.glob(path):
    assert run.poll() is None, "ended before it could be killed"
for pid in processes() - before:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""

TIME_TEN = """
import resource, subprocess, sys
def used():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
def once():
    before = used()
    subprocess.run(sys.argv[1:], check=True)
    return used() - before
print(min(once() for _ in range(10)))
"""


class FirstUse(NamedTuple):
    """A host on which the launcher has run once, and what it said."""

    host: Host
    output: Completed


def put_project(host: Host) -> None:
    """Copy the launcher and its locks, with a small project around them."""
    locks = [path.name for path in ROOT.glob("requirements*.txt")]
    host.copy_in(ROOT, PROJECT, ["run", *locks, "roles/operations/apt_install.sh"])
    host.write(f"{PROJECT}/inventory.py", 'web = (["@local"], {"site": "project"})\n')
    host.write(f"{PROJECT}/deploy.py", DEPLOY)
    host.write(f"{PROJECT}/roles/marker.py", "VALUE = 'found'\n")


@pytest.fixture(scope="module")
def first_use(make_session_host: MakeHost) -> FirstUse:
    host = make_session_host(name="launcher")
    put_project(host)
    # Without the variables that name the CA bundle: the system's store is to be used by itself.
    plain = ["env", "-u", "PIP_CERT", "-u", "SSL_CERT_FILE"]
    return FirstUse(host, host.run([*plain, *VERSION]))


@pytest.fixture(scope="module")
def used_image(first_use: FirstUse) -> str:
    return first_use.host.commit()


@pytest.fixture
def used_host(make_host: MakeHost, used_image: str) -> Host:
    """A host of its own on which the launcher has run once."""
    return make_host(image=used_image)


@pytest.fixture
def offline_host(fleet: Fleet, used_host: Host) -> Iterator[Host]:
    """The same, cut off from every network."""
    fleet.network.disconnect(used_host.container)
    yield used_host
    fleet.network.connect(used_host.container)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_explains_itself_and_touches_nothing(make_host: MakeHost, arguments: list[str]) -> None:
    host = make_host()
    put_project(host)
    before = host.snapshot()

    shown = host.run([RUN, *arguments])

    assert "./run pyinfra -y inventory.py deploy.py" in shown.stdout
    assert "./run pytest" in shown.stdout
    assert shown.stderr == ""
    assert host.snapshot().touched_since(before) == []


def test_first_use_installs_what_is_missing_and_says_so(first_use: FirstUse) -> None:
    assert first_use.output.stdout.startswith("pyinfra: v")
    lines = first_use.output.stderr.splitlines()
    assert [line for line in lines if not re.search(r": running for \d+ s$", line)] == [
        f"run: creating the Python environment in {PROJECT}/.venv",
        "run: installing python3-venv with apt ...",
        "run: creating the virtual environment ...",
        "run: installing uv ...",
        "run: installing requirements.txt ...",
        "run: done",
    ]


def test_first_use_on_debian_13(make_host: MakeHost) -> None:
    host = make_host(suite="trixie")
    put_project(host)

    assert host.run(VERSION).stdout.startswith("pyinfra: v")


def test_second_use_is_offline_quiet_and_quick(offline_host: Host) -> None:
    second = offline_host.run(VERSION)

    assert second.stdout.startswith("pyinfra: v")
    assert second.stderr == ""
    # With a command that takes no time itself, what is left is the launcher's own; processor time,
    # which other tests at the same time do not lengthen.
    offline_host.write(f"{PROJECT}/.venv/bin/pyinfra", "#!/bin/sh\n", "0755")
    own_time = offline_host.run(["python3", "-c", TIME_TEN, *VERSION]).stdout
    assert float(own_time) < 0.1


def test_a_failed_download_leaves_pyinfra_usable(offline_host: Host) -> None:
    no_patience = {"UV_HTTP_RETRIES": "0"}
    failed = offline_host.run([RUN, "pytest"], check=False, env=no_patience)

    assert failed.exit_code == 1
    assert failed.stderr.endswith("run: failed: installing requirements-dev.txt\n")
    assert offline_host.run(VERSION).stderr == ""


def test_an_inventory_beside_the_administrator_wins(first_use: FirstUse) -> None:
    host = first_use.host
    host.run(["ln", "-sf", RUN, "/usr/local/bin/site"])
    host.write("/srv/mine/inventory.py", 'web = (["@local"], {"site": "mine"})\n')
    deploy = ["site", "pyinfra", "-y", "inventory.py", "deploy.py"]

    assert "site=mine cwd=/srv/mine marker=found" in host.run(deploy, cwd="/srv/mine").stdout
    assert "site=project cwd=/srv marker=found" in host.run(deploy, cwd="/srv").stdout


def test_other_commands_get_the_development_environment(used_host: Host) -> None:
    added = used_host.run([RUN, "pytest", "--version"])
    assert added.stdout.startswith("pytest ")
    assert "run: installing requirements-dev.txt ..." in added.stderr

    unknown = used_host.run([RUN, "pyinfar"], check=False)
    assert unknown.exit_code == 127
    assert (
        unknown.stderr
        == "run: pyinfar: no such command; ./run without arguments lists the commands\n"
    )
    assert used_host.run([RUN, "python", "-c", "exit(7)"], check=False).exit_code == 7
    assert used_host.run(VERSION).stderr == ""


def test_a_run_killed_at_any_step_is_recovered_by_the_next(make_host: MakeHost) -> None:
    host = make_host()
    put_project(host)
    packages = f"{PROJECT}/.venv/lib/python3.*/site-packages"
    for half_done in [
        "/var/lib/apt/lists/partial/*Packages*",
        "/var/lib/dpkg/updates/[0-9]*",
        f"{packages}/pip",
        f"{packages}/uv",
        f"{packages}/pyinfra",
    ]:
        host.run(["python3", "-c", KILL_ONCE_THERE, RUN, half_done])

    assert host.run(VERSION).stdout.startswith("pyinfra: v")
    assert host.run(VERSION).stderr == ""


def test_two_first_uses_of_a_moved_project_at_once(used_host: Host) -> None:
    used_host.run(["mv", PROJECT, "/srv/moved"])

    both = used_host.run(
        "/srv/moved/run pyinfra --version & /srv/moved/run pyinfra --version; wait $!"
    )

    assert both.stdout.count("pyinfra: v") == 2
    assert both.stderr.count("run: creating the Python environment in /srv/moved/.venv") == 1
    assert "run: waiting for another run to finish" in both.stderr


def test_without_root_it_takes_sudo_or_says_what_to_install(make_host: MakeHost) -> None:
    host = make_host()
    put_project(host)
    host.run(f"useradd --create-home admin && chown -R admin '{PROJECT}'")

    refused = host.run(VERSION, user="admin", check=False)
    assert refused.exit_code == 1
    assert "as root, apt-get install python3-venv" in refused.stderr

    host.run("apt-get update && apt-get install -y --no-install-recommends sudo", timeout=600)
    host.write("/etc/sudoers.d/admin", "admin ALL=(ALL) NOPASSWD: ALL\n", "0440")
    assert host.run(VERSION, user="admin").stdout.startswith("pyinfra: v")
