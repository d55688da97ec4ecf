"""One deploy at a time: the shell that a host runs, here in a folder of its own."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pyinfra.api import Config, Host, Inventory, State

from roles import host_paths, preflight
from roles.operations import deploy_lock, lock_holder
from roles.operations.deploy_lock import DeployLock
from roles.operations.facts import own_lines
from roles.operations.lock_holder import Holder
from roles.operations.services import CurrentState
from roles.survey import Survey
from tests.operations.local import programs, shell
from tests.unit.helpers import SURVEY, a_host, site_of

FOLDER = "/run/omeroweb-ops"
EXPIRY = 60


class LockedHost:
    """The lock of a host, by the product's own shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = deploy_lock.SCRIPT.replace(FOLDER, str(folder))
        self.clock = Path("/proc/uptime")

    def __call__(self, command: str) -> subprocess.CompletedProcess[str]:
        return shell(f"{self.script}\n{command}")

    def take(self, token: str, other: str = "-", action: str = "take") -> bool:
        return self(f"{action} {token} {other} process {token}").returncode == 0

    @property
    def state(self) -> str:
        return self("state").stdout.strip()

    def wrap(self, token: str, command: str, seen: str = "", last: str = "more") -> str:
        """A command as pyinfra runs it."""
        lock = DeployLock(token=token)
        host: Any = Named()
        lock.note(host, Holder(token=seen), sudo=False)
        text = lock.shell(host, last=last == "last").replace(FOLDER, str(self.folder))
        return f"{text} -c {shlex.quote(command)}"

    def stop_clock(self) -> None:
        """A busy machine may take a second between two commands."""
        text = self.clock.read_text()
        self.clock = self.folder.with_name("uptime")
        self.clock.write_text(text)
        self.script = self.script.replace("/proc/uptime", str(self.clock))

    def age(self, seconds: int) -> None:
        """The owner was last heard of so long ago."""
        now = float(self.clock.read_text().split()[0])
        (self.folder / "renewed").write_text(f"{int(now) - seconds}\n")


class Named:
    name = "a"


@pytest.fixture
def host(tmp_path: Path) -> LockedHost:
    return LockedHost(tmp_path / "lock")


def test_the_second_to_come_is_refused_until_the_first_has_ended(host: LockedHost) -> None:
    assert host.take("a") and not host.take("b")
    assert host.state == "alive"
    host("give_back b")
    assert host.state == "alive"
    host("give_back a")
    assert host.state == "free"
    assert host.take("b")
    assert "b since 20" in (host.folder / "owner").read_text()


def test_nobody_else_can_read_or_hold_it(host: LockedHost) -> None:
    host.take("a")
    assert host.folder.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o077 for each in host.folder.iterdir()} == {0}
    host.folder.chmod(0o755)  # as another tool may have made it
    host("give_back a")
    host.take("b")
    assert host.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("age", "state"), [(0, "alive"), (EXPIRY, "alive"), (EXPIRY + 2, "free"), (-100, "free")]
)
def test_an_owner_that_is_not_heard_of_is_gone(host: LockedHost, age: int, state: str) -> None:
    """Negative: a container's files have met a reboot of the machine."""
    host.take("a")
    host.stop_clock()
    host.age(age)
    assert host.state == state
    assert host.take("b") is (state == "free")


def test_an_owner_that_is_known_to_be_gone_is_not_waited_for(host: LockedHost) -> None:
    host.take("a")
    assert not host.take("b", "other")
    assert host.take("b", "a")


def test_what_a_person_agreed_to_is_done_only_to_the_host_as_it_was_then(host: LockedHost) -> None:
    assert host.take("a", "''", "take_after")
    host("give_back a")
    assert host.take("b", "a", "take_after")
    host("give_back b")
    assert not host.take("c", "a", "take_after")  # b has deployed meanwhile


def test_a_stamp_does_not_depend_on_the_locale_of_whoever_deploys(
    host: LockedHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is restarted on a change of two files, one of which is rightly absent."""
    cat = shutil.which("cat")
    translated = (  # as coreutils' catalogues do it where LANGUAGE and a locale say so
        f'case ${{LC_ALL:-$LANG}} in de_*) {cat} "$@" 2> /dev/null || '
        f'echo "cat: $2: Datei oder Verzeichnis nicht gefunden" >&2 ;; *) {cat} "$@" ;; esac'
    )
    (tmp_path / "there").write_text("unit\n")
    restart_on = f"cat {tmp_path}/there {tmp_path}/absent"
    asked = CurrentState().command(
        "thing", "thing.service", "systemd", restart_on, "echo loaded", "true"
    )
    stamps = str(tmp_path / "stamps")
    asked = asked.replace(host_paths.STAMPS, stamps)
    stand_ins = programs(tmp_path / "bin", cat=translated, systemctl="true")
    host.take("a")

    def printed(command: str, locale: str) -> list[str]:
        for name, value in {"LANG": locale, "LC_ALL": locale, "LANGUAGE": locale[:2]}.items():
            monkeypatch.setenv(name, value)
        done = shell(host.wrap("a", command), stand_ins=stand_ins)
        assert done.returncode == 0, done.stderr
        return own_lines(done.stdout.splitlines())

    digest = f"{{ {restart_on}; }} 2>&1 | sha256sum | cut -c1-64"
    stamp = f'mkdir {stamps}; echo "$({digest}) none" > {stamps}/thing'
    printed(stamp, "C.UTF-8")
    assert printed(asked, "C.UTF-8") == ["restarted"]
    assert printed(asked, "de_DE.UTF-8") == ["restarted"]


def test_a_running_command_keeps_others_out_however_old_it_is(host: LockedHost) -> None:
    host.take("a")
    command = host.wrap("a", f"touch {host.folder}/begun; read -r _; exit 7")
    with subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE) as process:
        wait_for((host.folder / "begun").exists)
        host.age(1000)
        assert host.state == "running"
        assert not host.take("b") and not host.take("b", "a")
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 7
    assert host.state == "alive"  # the owner has been heard of


def test_what_a_command_leaves_running_does_not(host: LockedHost) -> None:
    host.take("a")
    done = shell(host.wrap("a", "sleep 60 > /dev/null 2>&1 & echo $!"))
    try:
        assert host.state == "alive"
    finally:
        os.kill(int(done.stdout), 9)


def test_a_command_runs_only_while_nobody_else_has_begun(host: LockedHost) -> None:
    host.take("a")
    assert shell(host.wrap("a", "echo done; exit 3")).returncode == 3
    host.age(EXPIRY + 9)
    assert shell(host.wrap("a", "echo done")).stdout == "done\n"  # late, and nobody has come
    host.age(EXPIRY + 9)
    host.take("b")
    for _ in range(2):
        refused = shell(host.wrap("a", "echo done", seen="before"))
        assert (refused.returncode, refused.stdout) == (75, "")
        assert "this deploy ends, because another deploy has begun: b since 20" in refused.stderr
        host("give_back b")


def test_what_is_asked_before_a_person_agrees_takes_nothing(host: LockedHost) -> None:
    host("prepare")
    assert shell(host.wrap("a", "echo done")).stdout == "done\n"
    assert host.state == "free"
    host.take("b")
    assert shell(host.wrap("a", "echo done")).returncode == 75
    assert shell(host.wrap("c", "echo done", seen="b")).stdout == "done\n"


def test_the_last_command_gives_the_lock_back(host: LockedHost) -> None:
    host.take("a")
    assert shell(host.wrap("a", "exit 4", last="last")).returncode == 4
    assert host.state == "free"
    host("keep a")  # a late sign of life is none
    assert host.state == "free"


@pytest.mark.parametrize("umask", ["027", "077", "000"])
def test_a_command_has_the_usual_umask(host: LockedHost, umask: str) -> None:
    host.take("a")
    assert shell(f"umask {umask}; {host.wrap('a', 'umask')}").stdout.strip() == "0022"


def test_a_command_of_the_user_who_logs_in_needs_no_lock(host: LockedHost, tmp_path: Path) -> None:
    stand_ins = programs(tmp_path / "bin", id="echo 1000")
    done = shell(host.wrap("a", "echo done; exit 3"), stand_ins=stand_ins)
    assert (done.returncode, done.stdout) == (3, "done\n")


def test_a_command_gets_standard_input(host: LockedHost) -> None:
    host.take("a")
    assert shell(host.wrap("a", "cat"), stdin="secret\n").stdout == "secret\n"


def test_people_s_commands_wait_for_a_deploy_and_a_deploy_for_them(
    host: LockedHost, tmp_path: Path
) -> None:
    script = tmp_path / "deploy-lock"
    script.write_text(host.script.replace("expiry + 15", "expiry - 58"))
    host.take("a")
    refused = shell(f"sh {script} run 'omero web stop' touch {tmp_path}/stopped")
    assert refused.returncode == 75
    assert refused.stderr.startswith("Waiting: a since 20")
    assert "omeroweb-ops: a since 20" in refused.stderr
    assert not (tmp_path / "stopped").exists()
    inside = f"sh {script} is_part && sh {script} run nested echo nested"
    assert shell(host.wrap("a", inside)).stdout == "nested\n"
    host.age(EXPIRY - 1)
    begun = tmp_path / "begun"
    command = f"sh {script} run 'omero web stop' sh -c 'touch {begun}; read _; exit 5'"
    with subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE) as process:
        wait_for(begun.exists)
        assert not host.take("c")
        assert "running 'omero web stop' on this host" in (host.folder / "owner").read_text()
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 5
    assert host.state == "free"


def wait_for(condition: Callable[[], bool], limit: float = 20) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Deploys(RuleBasedStateMachine):
    """Any order of three deploys' steps: never do two change a host in turn."""

    tokens = st.sampled_from(["a", "b", "c"])

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.host = LockedHost(Path(self.folder.name) / "lock")
        self.owner: str | None = None
        self.ended: set[str] = set()  # that have lost the lock or given it back
        self.log: list[str] = []

    @rule(token=tokens)
    def take(self, token: str) -> None:
        if token in self.ended:
            return
        alive = self.host.state == "alive" if self.host.folder.exists() else False
        taken = self.host.take(token)
        assert taken is (not alive or self.owner == token)
        if taken and self.owner not in (None, token):
            self.ended.add(str(self.owner))
        if taken:
            self.owner = token

    @precondition(lambda self: self.owner)
    @rule(token=tokens)
    def command(self, token: str) -> None:
        done = shell(self.host.wrap(token, "echo done", seen="never"))
        assert (done.returncode == 0) is (token == self.owner)
        if done.returncode == 0:
            self.log.append(token)

    @rule(token=tokens)
    def give_back(self, token: str) -> None:
        self.host(f"give_back {token}")
        if token == self.owner:
            self.ended.add(token)

    @precondition(lambda self: self.owner)
    @rule()
    def grow_old(self) -> None:
        self.host.age(EXPIRY + 5)

    @invariant()
    def each_deploy_is_of_one_piece(self) -> None:
        runs = [each for n, each in enumerate(self.log) if n == 0 or self.log[n - 1] != each]
        assert len(runs) == len(set(runs))

    def teardown(self) -> None:
        self.folder.cleanup()


TestDeploys = Deploys.TestCase
TestDeploys.settings = settings(max_examples=10, stateful_step_count=12, deadline=None)


# Several hosts, by the controller


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_controller_that_has_ended_is_told_from_one_that_lives(
    process: subprocess.Popen[bytes],
) -> None:
    start = lock_holder.start_time(process.pid)
    record = f"{lock_holder.PLACE}:{process.pid}:{start}"
    holder = Holder("alive", "token", record)
    assert not holder.is_gone
    process.kill()
    process.wait()
    assert holder.is_gone
    assert Holder("alive", "token", f"{lock_holder.PLACE}:{os.getpid()}:1").is_gone  # pid reused
    assert not Holder("running", "token", record).is_gone
    assert not Holder("alive", "token", f"another-boot:1:{process.pid}:{start}").is_gone
    assert not Holder("alive", "token", "-").is_gone
    assert not Holder("free").is_gone


def test_two_deploys_over_two_hosts_in_opposite_order_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hosts = {name: LockedHost(tmp_path / name) for name in ("@docker/a", "@docker/b")}

    def survey(host: Host, *, lock: str, **_: object) -> Survey:
        gevent.sleep(0.05)  # so that both have one of the two
        return surveyed(hosts[host.name], lock)

    def get_fact(host: Host, fact: type, **_: object) -> bool:
        assert fact is deploy_lock.IsFree
        gevent.sleep(0.2)
        return hosts[host.name].state == "free"

    def run(lock: DeployLock, host: Host, command: str) -> bool:
        return hosts[host.name](command).returncode == 0

    monkeypatch.setattr(preflight, "ask", survey)
    monkeypatch.setattr(Host, "get_fact", get_fact)
    monkeypatch.setattr(DeployLock, "run", run)
    monkeypatch.setattr(deploy_lock, "is_taken_at_once", lambda state: True)
    uniform = random.uniform
    monkeypatch.setattr(random, "uniform", lambda low, high: uniform(low, high / 5))
    site = site_of(
        a_host("@docker/a", "web", address="10.0.0.5"),
        a_host("@docker/b", "nginx", address="10.0.0.6"),
    )
    ended: list[list[str]] = []

    def deploy(names: list[str]) -> None:
        state = State(Inventory((names, {})), Config())
        members = [state.inventory.get_host(name) for name in names]
        survey_host = partial(preflight._survey, state, site)
        surveys = preflight._survey_all(state, members, survey_host)
        assert {each.lock.state for each in surveys.values()} == {"taken"}
        gevent.sleep(0.3)
        ended.append(names)
        for host in members:
            deploy_lock.of(state).give_back(host)

    names = list(hosts)
    both = [gevent.spawn(deploy, names), gevent.spawn(deploy, names[::-1])]
    gevent.joinall(both, timeout=60, raise_error=True)
    assert len(ended) == 2
    assert {host.state for host in hosts.values()} == {"free"}


def surveyed(host: LockedHost, lock: str) -> Survey:
    taken = host(f"from=; {lock}").returncode == 0
    holder = Holder("taken" if taken else host.state, "token", "", "another")
    return replace(SURVEY, lock=holder)
