"""A run killed at any operation's end, or in the middle, is taken up by the next."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.site_checks import BASE, OMERODIR, assert_serves

# deploy.py, killed by SIGKILL when its n-th operation has ended; a phase's beginning does nothing
KILLED = f"""
import os, signal
from pyinfra import state
from pyinfra.api.state import BaseStateCallback

class Kill(BaseStateCallback):
    left = {{count}}
    @staticmethod
    def operation_end(state, op_hash):
        if any(name.startswith("Phase ") for name in state.get_op_meta(op_hash).names):
            return
        Kill.left -= 1
        if Kill.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

if not any(isinstance(handler, Kill) for handler in state.callback_handlers):
    state.add_callback_handler(Kill())
path = {str(ROOT / "deploy.py")!r}
exec(compile(open(path).read(), path, "exec"))
"""
OPERATIONS = 30
NOTHING_TO_DO = 20  # so many at the beginning, where packages and release are there already


def killed_at(count: int, text: str, folder: Path) -> bool:
    """Run until the operation; False where the deploy ended before it."""
    file = folder / "killed.py"
    file.write_text(KILLED.format(count=count))
    run = deploy(text, deploy_file=str(file), expect=None)
    assert run.exit_code in (0, -9, 137), run.output
    return run.exit_code != 0


def state_of(host: Host) -> dict[str, str]:
    """The files that the bundle is answerable for, by content, owner and mode."""
    redis = "/etc/redis /etc/omero-web-redis"
    folders = f"/etc/nginx {redis} /etc/cron.d /etc/sudoers.d /usr/local {BASE}"
    passing = " -o ".join(f"-path {OMERODIR}/var/{each}" for each in ("log", "workers", "metrics"))
    listing = host.run(
        f"find {folders} /etc/systemd/system -xdev "
        f"\\( -path {BASE}/releases/\\* -o {passing} -o -name '*.lock' "
        "-o -name '__pycache__' \\) -prune -o -printf '%p %y %m %U:%G %l ' "
        "\\( -type f -exec sh -c 'sha256sum < \"$1\"' _ {} \\; -o -printf '\\n' \\)"
    ).stdout
    # each host's own: keys, its address, what a trial has noted
    own = re.compile(
        r"django_secret_key|/var/omero/|control.sock|site\.json|omeroweb-ops\.tried|"
        r"clearsessions|omero-web-redis/admin\.conf"
    )
    return dict(
        line.split(" ", 1) for line in listing.splitlines() if line and not own.search(line)
    )


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.sweep)])
def test_a_run_killed_after_some_operations_in_turn_converges(
    make_host: MakeHost, deployed_systemd_image: str, tmp_path: Path, step: int
) -> None:
    """Each run gets some operations further than the run before."""
    undisturbed = make_host("systemd", image=deployed_systemd_image)
    disturbed = make_host("systemd")
    text = docker_inventory(disturbed)
    for count in itertools.count(1, step):
        if not killed_at(count, text, tmp_path):
            break
    assert count > 20  # or the kill did not work
    assert_serves(disturbed)
    assert deploy(text).changed_operations == ()
    assert state_of(disturbed) == state_of(undisturbed)


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.sweep)])
def test_a_killed_change_is_taken_up(
    make_host: MakeHost, deployed_image: str, tmp_path: Path, step: int
) -> None:
    """The handler that pyinfra would lose: written, killed, and not reloaded."""
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    text = docker_inventory(
        host,
        web_config={
            "omero.web.wsgi_workers": 2,
            "omero.web.nginx_server_extra_config": ["add_header X-Changed yes always;"],
        },
    )
    for count in itertools.count(NOTHING_TO_DO, step):
        if not killed_at(count, text, tmp_path):
            break
    assert host.http("/webclient/login/").headers["X-Changed"] == "yes"
    host.wait_until(lambda: len(host.processes("gunicorn")) == 3, 40, "two workers")
    assert deploy(text).changed_operations == ()


# What shows in the host's process table while a first deploy is in the middle of it.
STEPS = ("apt-get .* install", "uv .* pip install", "omeroweb-ops release collect", "ops ready")
WAITING = "waiting for a command of another deploy to end"
OUTPUT = "output"


def test_what_a_killed_run_began_is_waited_for(make_host: MakeHost, tmp_path: Path) -> None:
    """The host goes on with it: two builds of one release would disturb each other."""
    host = make_host("plain")
    text = docker_inventory(host)
    commands: list[int] = []
    for step in STEPS:
        with background_deploy(text, tmp_path) as run:
            resume_once_awaited(host, commands, tmp_path)
            host.wait_until(partial(host.processes, step), 180, step)
            assert run.poll() is None, output_of(tmp_path)
            # it must not end before the next run begins
            commands = [process.pid for process in host.processes(step)]
            signal_running(host, commands, "STOP")
    with background_deploy(text, tmp_path) as run:
        resume_once_awaited(host, commands, tmp_path)
        assert run.wait(300) == 0, output_of(tmp_path)
    assert_serves(host)
    assert deploy(text).changed_operations == ()


@contextlib.contextmanager
def background_deploy(text: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A deploy whose output is in a file of the folder, and that is killed at the end."""
    (folder / "inventory.py").write_text(text)
    command = [str(ROOT / "run"), "pyinfra", "-y", "inventory.py", str(ROOT / "deploy.py")]
    with (folder / OUTPUT).open("w") as output:
        run = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield run
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def output_of(folder: Path) -> str:
    return (folder / OUTPUT).read_text()


def resume_once_awaited(host: Host, commands: Sequence[int], folder: Path) -> None:
    """Let stopped commands of a killed run go on, when the present run says that it waits."""
    if commands:
        host.wait_until(lambda: WAITING in output_of(folder), 60, WAITING)
        signal_running(host, commands, "CONT")


def signal_running(host: Host, pids: Sequence[int], name: str) -> None:
    """Send a signal to those of the processes that have not ended meanwhile."""
    host.run(f"for pid in {' '.join(map(str, pids))}; do kill -{name} $pid; done", check=False)


@pytest.mark.sweep
@pytest.mark.parametrize("count", range(1, OPERATIONS))
def test_a_run_killed_on_a_fresh_host_converges(
    make_host: MakeHost, tmp_path: Path, count: int
) -> None:
    host = make_host("systemd")
    text = docker_inventory(host)
    assert killed_at(count, text, tmp_path)
    deploy(text)
    assert_serves(host)
    assert deploy(text).changed_operations == ()
