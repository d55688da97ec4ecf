"""Nodes of Docker Swarm on one machine: each an engine in namespaces of its own.

A node has its own network, mounts, host name and processes. When its first process ends, nothing of
it is left but its directory; it ends with the test process, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.integration.engine import (
    REQUEST_TIMEOUT,
    apt_install,
    as_root,
    install_docker_if_missing,
)
from tests.integration.hosts import wait_until

PREFIX = "omeroweb-bundle-swarm-"
# No default route: a node reaches the other node and this machine.
START = """
set -eu
folder=$1 machine=$3 peer=$4 pool=$5
hostname "$2"
mount -t tmpfs tmpfs /run
mkdir -p /run/lock
ip link set lo up
until ip link show machine && ip link show peer; do sleep 0.05; done > /dev/null 2>&1
ip address add "$machine" dev machine
ip address add "$peer" dev peer
ip link set machine up
ip link set peer up
exec dockerd --data-root "$folder/data" --exec-root /run/docker --pidfile /run/docker.pid \\
    -H "unix://$folder/docker.sock" --storage-driver overlay2 --default-address-pool "$pool"
"""


@dataclass
class Node:
    """An engine. address: for this machine. peer: for the other node."""

    name: str
    address: str
    peer: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def socket(self) -> str:
        """What DOCKER_HOST is set to."""
        return f"unix://{self.folder}/docker.sock"

    def connect(self) -> docker.DockerClient:
        """Wait until the engine answers."""

        def client() -> docker.DockerClient:
            assert self.process.poll() is None, self.log()
            engine = docker.DockerClient(self.socket, timeout=REQUEST_TIMEOUT)
            engine.ping()
            return engine

        try:
            return wait_until(client, 30, f"the engine of {self.name}", every=0.1)
        except TimeoutError as error:
            raise DockerException(f"{error}\n{self.log()}") from None

    def log(self) -> str:
        """Return the end of the engine's log."""
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-15:])

    def run(self, *command: str, **variables: str) -> str:
        """Run `docker …` and return its output."""
        done = subprocess.run(
            ["docker", *command],
            env={**os.environ, "DOCKER_HOST": self.socket, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def load(self, *images: str) -> None:
        """Copy images from the machine's own engine."""
        save = subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE)
        environment = {**os.environ, "DOCKER_HOST": self.socket}
        subprocess.run(
            ["docker", "load", "-q"], stdin=save.stdout, env=environment, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        assert save.wait() == 0


@contextlib.contextmanager
def two_nodes(images: Sequence[str] = ()) -> Iterator[list[Node]]:
    """Start two engines that reach each other and this machine; remove them at the end.

    images: of this machine's engine, which both get.
    They are linked directly, because Docker's rules on this machine stop what a bridge forwards.
    """
    install_docker_if_missing()
    if shutil.which("ip") is None:
        apt_install("iproute2")
    _remove_leftovers()
    net = f"10.{200 + os.getpid() % 50}"  # several test processes may have nodes
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        nodes = [
            stack.enter_context(_node(folder / f"node{n}", f"{net}.{n}.2", f"{net}.3.{n}", net, n))
            for n in (1, 2)
        ]
        for n, node in enumerate(nodes, start=1):
            machine = f"swarm{n}-{os.getpid()}"
            _ip(f"link add {machine} type veth peer name machine netns {node.process.pid}")
            _ip(f"address add {net}.{n}.1/24 dev {machine}")
            _ip(f"link set {machine} up")
        first, second = (node.process.pid for node in nodes)
        _ip(f"link add peer netns {first} type veth peer name peer netns {second}")
        for node in nodes:
            node.connect().close()
        with ThreadPoolExecutor() as pool:
            [*pool.map(lambda node: node.load(*images), nodes if images else ())]
        yield nodes


@contextlib.contextmanager
def _node(folder: Path, machine: str, peer: str, net: str, number: int) -> Iterator[Node]:
    folder.mkdir()
    pool = f"base={net}.{100 + 50 * (number - 1)}.0/24,size=26"
    start = ["sh", "-c", START, "sh", folder, f"node{number}", f"{machine}/24", f"{peer}/24", pool]
    apart = ["unshare", "--net", "--uts", "--mount", "--propagation", "private", "--pid", "--fork"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            # the kernel ends all processes of a node with its first
            [*as_root("setpriv", "--pdeathsig", "KILL"), *apart, "--mount-proc", "--kill-child",
             *map(str, start)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    own = os.readlink("/proc/self/ns/net")
    try:
        wait_until(
            lambda: os.readlink(f"/proc/{process.pid}/ns/net") != own, 10, "a network", every=0.01
        )
        yield Node(f"node{number}", machine, peer, folder, process)
    finally:
        process.kill()
        process.wait()


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, stdin=subprocess.DEVNULL)


def _remove_leftovers() -> None:
    """Remove the directories of test processes that have been killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
