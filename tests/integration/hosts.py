"""Test hosts: containers that behave like machines, and deploys onto them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import itertools
import os
import platform
import pprint
import re
import shlex
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import docker
import requests
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from roles.web.ice import Wheel
from tests.integration.images import REPOSITORY, ROOT, Kind, Suite, base_image, tags
from tests.integration.session import locked, machine_lock

PREFIX = "omeroweb-bundle-test"
BOOT_LIMIT = 60.0
# Limits are said for a machine that does nothing else. Several processes share its cores, and a
# limit is there to end what hangs, not to measure.
PATIENCE = 4
# Self-signed certificates are part of what is tested.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

T = TypeVar("T")


def wait_until(condition: Callable[[], T], limit: float, what: str, every: float = 0.2) -> T:
    """Poll until the condition holds and return what it gave; an exception counts as not yet."""
    limit *= PATIENCE
    deadline = time.monotonic() + limit
    last: object = None
    while True:
        try:
            last = result = condition()
            if result:
                return result
        except Exception as refusal:
            last = refusal
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit:g} s; last seen: {last!r}")
        time.sleep(every)


@dataclasses.dataclass(frozen=True)
class Completed:
    """A command that ended on a host."""

    exit_code: int
    stdout: str
    stderr: str


class CommandFailed(AssertionError):
    """A command on a host ended with another exit code than 0."""


class Process(NamedTuple):
    """A process on a host, as /proc describes it."""

    pid: int
    user: str
    cmdline: str


class Snapshot(dict[str, str]):
    """What the files of a host are: path to mode, owner, size, times and link target."""

    @property
    def digest(self) -> str:
        """One string that is equal when nothing was touched."""
        return hashlib.sha256(repr(sorted(self.items())).encode()).hexdigest()

    def touched_since(self, earlier: Snapshot) -> list[str]:
        """Name the paths that came, went or changed."""
        paths = self.keys() | earlier.keys()
        return sorted(path for path in paths if self.get(path) != earlier.get(path))


# Written by a running system or by being looked at, not by a change: logs, Python's caches,
# random seeds and timers, the places for temporary files, what Docker mounts.
VOLATILE = (
    r"^/(proc|sys|dev|run|tmp|var/(tmp|log|run|lib/systemd)|root/\.ansible)(/|$)"
    r"|^/opt/omero/web/OMERO\.web/var/heartbeat$|/__pycache__(/|$)|^/etc/(hosts|hostname|resolv\.conf|mtab)$|^/\.dockerenv$"
)

_LIST_PROCESSES = r"""
echo "$$"
for process in /proc/[0-9]*; do
    line=$(tr '\0\n' '  ' <"$process/cmdline") && [ -n "$line" ] &&
        printf '%s\n' "${process#/proc/} $(stat -c %U "$process") $line"
done 2>/dev/null
exit 0
"""


class Host:
    """A container that stands for a machine. As a context it is removed at the end."""

    def __init__(self, container: Container, kind: Kind, alias: str, network: str) -> None:
        self.container = container
        self.kind = kind
        self.name: str = container.name or ""
        # Under this name the other hosts of the network reach it.
        self.alias = alias
        self._network = network

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<Host {self.name}>"

    @property
    def ip(self) -> str:
        """The address; it may be another one after a reboot."""
        self.container.reload()
        return str(self.container.attrs["NetworkSettings"]["Networks"][self._network]["IPAddress"])

    def run(
        self,
        cmd: str | Sequence[str],
        user: str = "root",
        check: bool = True,
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout: float = 300,
    ) -> Completed:
        """Run a command (a string: by sh) without a terminal."""
        command = ["sh", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        options = [f"--env={name}={value}" for name, value in (env or {}).items()]
        if cwd:
            options.append(f"--workdir={cwd}")
        # The command line client, because the SDK's exec has neither a limit nor standard input.
        done = subprocess.run(
            ["docker", "exec", "-i", f"--user={user}", *options, self.name, *command],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        output = Completed(done.returncode, _text(done.stdout), _text(done.stderr))
        if check and output.exit_code:
            raise CommandFailed(
                f"{cmd!r} on {self.alias} ended with {output.exit_code}\n"
                f"{output.stdout[-4000:]}\n{output.stderr[-4000:]}"
            )
        return output

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.run(["cat", path]).stdout

    def exists(self, path: str) -> bool:
        """Say whether something is at that path."""
        return self.run(["test", "-e", path], check=False).exit_code == 0

    def install_updates(self) -> None:
        """Install what Debian has published since this week's image was made."""
        self.run("apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y upgrade")

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        """Write a file as root, with its folder."""
        # Through a process of the host: `docker cp` does not see what is mounted inside.
        quoted = shlex.quote(path)
        self.run(
            f'mkdir -p "$(dirname {quoted})" && cat > {quoted} && chmod {mode} {quoted}',
            stdin=text.encode(),
        )

    def copy_in(self, source: Path, path: str, names: Sequence[str] | None = None) -> None:
        """Copy a file to a path, or a folder's contents (or only those names) into a folder."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            if source.is_dir():
                for name in sorted(names if names is not None else os.listdir(source)):
                    tar.add(source / name, arcname=name, filter=_as_root)
            else:
                tar.add(source, arcname=Path(path).name, filter=_as_root)
        folder = path if source.is_dir() else str(Path(path).parent)
        self.run(["mkdir", "-p", folder])
        self.run(["tar", "-C", folder, "-xf", "-"], stdin=archive.getvalue())

    def copy_out(self, path: str, target: Path) -> Path:
        """Copy a file (not a folder) from the host."""
        done = subprocess.run(
            ["docker", "exec", self.name, "cat", path], capture_output=True, check=True
        )
        target.write_bytes(done.stdout)
        return target

    def http(
        self,
        path: str = "/",
        *,
        host_header: str | None = None,
        method: str = "GET",
        port: int | None = None,
        scheme: str = "http",
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        allow_redirects: bool = False,
        timeout: float = 30,
    ) -> requests.Response:
        """Ask the host from outside, as a visitor does: one connection per request."""
        sent = dict(headers or {})
        if host_header:
            sent["Host"] = host_header
        with requests.Session() as session:
            # The machine's proxies, .netrc and CA bundle are not the visitor's.
            session.trust_env = False
            return session.request(
                method,
                f"{scheme}://{self.ip}{f':{port}' if port else ''}{path}",
                headers=sent,
                data=data,
                allow_redirects=allow_redirects,
                timeout=timeout,
                verify=False,
            )

    def wait_until(self, condition: Callable[[], T], limit: float, what: str) -> T:
        """Poll until the condition holds; see wait_until()."""
        return wait_until(condition, limit, f"{self.alias}: {what}")

    def processes(self, pattern: str = "") -> list[Process]:
        """List the processes whose command line matches, read from /proc (no procps needed)."""
        own, *lines = self.run(_LIST_PROCESSES).stdout.splitlines()
        found = (line.split(" ", 2) for line in lines)
        return [
            Process(int(pid), user, cmdline.strip())
            for pid, user, cmdline in found
            if pid != own and re.search(pattern, cmdline)
        ]

    def kill(self, *pids: int, signal: str = "KILL") -> None:
        """Send processes a signal, by default the one that cannot be refused."""
        self.run(f"kill -{signal} {' '.join(map(str, pids))}")

    def reboot(self) -> None:
        """Stop and start the host; the units that are enabled come up again."""
        self.container.restart(timeout=30)
        self.wait_for_boot()

    def wait_for_boot(self) -> None:
        """Wait until the host is up."""
        if self.kind == "plain":
            self.wait_until(lambda: self.run(["true"]), BOOT_LIMIT, "start")
            return
        self.wait_until(self._booted, BOOT_LIMIT, "boot")
        if self.kind == "ssh":
            probe = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/22"]
            self.wait_until(lambda: self.run(probe), BOOT_LIMIT, "sshd")

    def _booted(self) -> bool:
        state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
        # degraded: a unit failed, which is for a test to judge.
        return state in ("running", "degraded")

    def snapshot(self, ignore: str = VOLATILE) -> Snapshot:
        """Describe every file, to find out later what was touched (dpkg's database included)."""
        listing = self.run(r"find / -xdev -printf '%p\t%y %m %U:%G %s %T@ %C@ %l\n'")
        lines = (line.split("\t", 1) for line in listing.stdout.splitlines() if "\t" in line)
        kept = ((path, facts) for path, facts in lines if not re.search(ignore, path))
        # A folder's time also moves with what is ignored inside it; its entries tell the rest.
        return Snapshot(
            (path, " ".join(facts.split(" ")[:3]) if facts.startswith("d") else facts)
            for path, facts in kept
        )

    def commit(self, owner: int | None = None) -> str:
        """Save the host's disk as an image; return its tag.

        It is gone when this process ends its tests, or the owner, for an image that several use.
        """
        repository = f"{REPOSITORY}/saved-{owner or os.getpid()}"
        tag = f"{self.alias}-{time.monotonic_ns()}"
        self.container.commit(repository=repository, tag=tag)
        return f"{repository}:{tag}"

    def remove(self) -> None:
        """Switch the host off for good."""
        with contextlib.suppress(NotFound):
            self.container.remove(force=True, v=True)


class Fleet:
    """The hosts of one process of a test session, on a network of their own."""

    def __init__(self, engine: docker.DockerClient, folder: Path) -> None:
        remove_leftovers(engine)
        self.engine = engine
        self.hosts: list[Host] = []
        self.key = new_ssh_key(folder / "id_ed25519")
        self.network = engine.networks.create(f"{PREFIX}-{os.getpid()}-network", driver="bridge")
        self._number = itertools.count(1)

    def make_host(
        self,
        kind: Kind = "plain",
        suite: Suite = "bookworm",
        name: str | None = None,
        image: str | None = None,
        network: Network | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Host:
        """Start a host; from an image (of Host.commit) it is a copy of the host saved there.

        options: of Docker's `create`, instead of the kind's own.
        """
        image = image or base_image(self.engine, kind, suite)
        alias = name or f"{kind}-{suite}-{next(self._number)}"
        joined = str((network or self.network).name)
        container = self.engine.containers.create(
            image,
            name=f"{PREFIX}-{os.getpid()}-{alias}",
            hostname=alias,
            network=joined,
            networking_config={
                joined: self.engine.api.create_endpoint_config(aliases=[alias]),
            },
            **{**_options(kind), **(options or {})},
        )
        host = Host(container, kind, alias, joined)
        self.hosts.append(host)
        container.start()
        host.wait_for_boot()
        if kind == "ssh":
            public = self.key.with_suffix(".pub").read_text()
            host.write("/home/admin/.ssh/authorized_keys", public, "0600")
            host.run("chmod 0700 /home/admin/.ssh && chown -R admin: /home/admin/.ssh")
        return host

    def remove(self) -> None:
        """Remove everything that this process made."""
        _remove_of(self.engine, os.getpid())


def _options(kind: Kind) -> dict[str, Any]:
    if kind == "plain":
        # Docker's tiny init reaps orphans, as a machine's PID 1 would.
        return {"init": True, "stop_signal": "SIGKILL"}
    return {
        "cap_add": ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"],
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "tmpfs": {"/run": "", "/run/lock": ""},
        "stop_signal": "SIGRTMIN+3",
        # The unified hierarchy alone, also where the machine mounts cgroup v1 beside it: given
        # all of /sys/fs/cgroup, systemd mounts more controllers there and makes the machine's
        # own read-only. In the machine's namespace, or it would take the root for its own.
        "cgroupns": "host",
        "volumes": {_unified_cgroup(): {"bind": "/sys/fs/cgroup", "mode": "rw"}},
    }


def _unified_cgroup() -> str:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return where
    raise RuntimeError("systemd hosts need a cgroup2 mount on this machine; there is none")


def new_ssh_key(path: Path) -> Path:
    """Write a key pair that lives as long as the test session."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    path.touch(mode=0o600)
    path.write_bytes(private)
    path.with_suffix(".pub").write_bytes(public + b"\n")
    return path


def remove_leftovers(engine: docker.DockerClient, *ending: int) -> None:
    """Remove what killed test sessions left behind; the processes that still run keep theirs.

    ending: processes that run and need theirs no more.
    """
    pattern = re.compile(rf"^(?:{PREFIX}-|{REPOSITORY}/saved-)(\d+)[-:]")
    names = [
        container.name or "" for container in engine.containers.list(all=True, ignore_removed=True)
    ]
    names += [network.name or "" for network in engine.networks.list()]
    names += tags(engine)
    for pid in {int(found[1]) for found in map(pattern.match, names) if found}:
        if pid in ending or not Path(f"/proc/{pid}").exists():
            _remove_of(engine, pid)


def _remove_of(engine: docker.DockerClient, pid: int) -> None:
    mine = f"{PREFIX}-{pid}-"
    for container in engine.containers.list(all=True, ignore_removed=True):
        if (container.name or "").startswith(mine):
            with contextlib.suppress(APIError):  # it is gone, or another one removes it
                container.remove(force=True, v=True)
    for network in engine.networks.list():
        if (network.name or "").startswith(mine):
            with contextlib.suppress(APIError):
                network.remove()
    for volume in engine.volumes.list():
        if volume.name.startswith(mine):
            with contextlib.suppress(APIError):
                volume.remove()
    for tag in tags(engine, f"{REPOSITORY}/saved-{pid}"):
        with contextlib.suppress(APIError):
            engine.images.remove(tag)


# Deploying


@dataclasses.dataclass(frozen=True)
class Deployment:
    """What one run of pyinfra did."""

    exit_code: int
    output: str
    seconds: float
    hosts: tuple[str, ...]
    changed_operations: tuple[str, ...]
    unchanged: int

    @property
    def changed(self) -> int:
        """How many operations ran a command, summed over the hosts."""
        return len(self.changed_operations)

    @property
    def empty(self) -> bool:
        """True where pyinfra did nothing for anybody, which it calls a success."""
        dry = "--> Beginning operation run" not in self.output
        return not self.hosts or (not dry and not self.changed + self.unchanged)


class DeploymentFailed(AssertionError):
    """A deploy ended otherwise than the test expects."""


def deploy(
    inventory_text: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    deploy_file: str = "deploy.py",
    project: Path = ROOT,
    timeout: float = 900,
    expect: int | None = 0,
) -> Deployment:
    """Run pyinfra as an administrator does, from a folder that holds the inventory.

    The deploy file is one of the project, or the dotted name of an operation or a deploy.
    project: the checkout whose deploy is run; that of these tests unless another is given.
    """
    with contextlib.ExitStack() as stack:
        folder = cwd or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
        (folder / "inventory.py").write_text(inventory_text)
        what = str(project / deploy_file) if deploy_file.endswith(".py") else deploy_file
        command = [str(project / "run"), "pyinfra", "-y", "inventory.py", what, *arguments]
        if deploy_file == "deploy.py":
            stack.enter_context(_one_builds_ice())
        began = time.monotonic()
        exit_code, output = _run_limited(command, folder, os.environ | dict(env or {}), timeout)
    return _judged(read_deployment(exit_code, output, time.monotonic() - began), expect)


@contextlib.contextmanager
def _one_builds_ice() -> Iterator[None]:
    """Where Debian 12's zeroc-ice is not kept yet, one deploy at a time, so that one builds it."""
    kept = Wheel.wanted(None, f"debian-12-{platform.machine()}").kept("@docker/any")
    with contextlib.ExitStack() as stack:
        if kept.wheel is None:
            stack.enter_context(locked(machine_lock("ice")))
        if kept.wheel is not None:
            stack.close()
        yield


def run_inside(
    host: Host,
    *arguments: str,
    inventory_text: str | None = None,
    path: str = "/srv/omeroweb-bundle",
    user: str = "root",
    env: Mapping[str, str] | None = None,
    deploy_file: str = "deploy.py",
    timeout: float = 900,
    expect: int | None = 0,
) -> Deployment:
    """Copy the project onto a host and run it there, by default with its own inventory."""
    copy_project(host, path)
    if inventory_text is not None:
        host.write(f"{path}/inventory.py", inventory_text)
    command = ["./run", "pyinfra", "-y", "inventory.py", deploy_file, *arguments]
    began = time.monotonic()
    done = host.run(
        f"exec {shlex.join(command)} 2>&1",
        user=user,
        check=False,
        env=env,
        cwd=path,
        timeout=timeout,
    )
    seconds = time.monotonic() - began
    return _judged(read_deployment(done.exit_code, done.stdout, seconds), expect)


def project_files() -> list[str]:
    """Name what git would commit: what an administrator gets by cloning."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def copy_project(host: Host, path: str = "/srv/omeroweb-bundle") -> None:
    """Copy the project onto a host."""
    host.copy_in(ROOT, path, project_files())


def read_deployment(exit_code: int, output: str, seconds: float) -> Deployment:
    """Read what pyinfra printed: per operation one line for each host."""
    text = re.sub(r"\x1b\[[\d;]*[a-zA-Z]", "", output)
    hosts: dict[str, None] = {}
    changed: list[str] = []
    unchanged = 0
    operation = ""
    for line in text.splitlines():
        if begun := re.match(r"--> Starting (?:serial )?operation: (.*?) *$", line):
            operation = begun[1]
        # Not the nested lines: those are steps of an operation that has its own line.
        elif said := re.match(
            r"    \[([^]]+)\] +(Connected|Success|No changes)( on retry \d+)?$", line
        ):
            if said[2] == "Connected":
                hosts[said[1]] = None
            elif said[2] == "Success":
                changed.append(operation)
            else:
                unchanged += 1
    return Deployment(exit_code, text, seconds, tuple(hosts), tuple(changed), unchanged)


def _judged(deployment: Deployment, expect: int | None) -> Deployment:
    if expect is None:
        return deployment
    if deployment.exit_code != expect:
        problem = f"ended with {deployment.exit_code} instead of {expect}"
    elif expect == 0 and deployment.empty:
        problem = "did nothing for any host"
    else:
        return deployment
    raise DeploymentFailed(f"pyinfra {problem}:\n{deployment.output[-12000:]}")


def _run_limited(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float
) -> tuple[int, str]:
    """Run a command with a limit that also reaches what it started."""
    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            late = not _ended(process, timeout)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        sink.seek(0)
        output = _text(sink.read())
    if late:
        raise TimeoutError(f"{shlex.join(command)}: not done in {timeout:g} s\n{output[-12000:]}")
    return process.returncode, output


def _ended(process: subprocess.Popen[bytes], timeout: float) -> bool:
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    return True


# Inventories

GROUPS = ("redis", "web", "nginx")
HostEntry = str | tuple[str, dict[str, object]]


def inventory(groups: Mapping[str, Sequence[HostEntry]], **data: object) -> str:
    """Return the text of an inventory.

    A setting goes to the group that its name begins with (web_config: web) where the inventory
    has it, and else to all groups.
    """
    lines = []
    for group, hosts in groups.items():
        own = {
            name: value
            for name, value in data.items()
            if name.split("_")[0] == group or name.split("_")[0] not in groups
        }
        lines.append(f"{group} = {pprint.pformat((list(hosts), own), sort_dicts=False)}")
    return "\n".join(lines) + "\n"


def docker_inventory(host: Host, groups: Sequence[str] = GROUPS, **data: object) -> str:
    """Return an inventory that puts groups on one host, reached through `docker exec`."""
    return inventory({group: [docker_entry(host)] for group in groups}, **data)


def ssh_inventory(host: Host, key: Path, groups: Sequence[str] = GROUPS, **data: object) -> str:
    """Return an inventory that puts groups on one host, reached over SSH as `admin`."""
    return inventory({group: [ssh_entry(host, key)] for group in groups}, **data)


def docker_entry(host: Host) -> str:
    """Name a host as pyinfra's docker connector wants it."""
    return f"@docker/{host.name}"


def ssh_entry(host: Host, key: Path) -> tuple[str, dict[str, object]]:
    """Name a host and how to log in there."""
    data: dict[str, object] = {
        "ssh_user": "admin",
        "ssh_key": str(key),
        # Addresses are used again for other hosts; the user's own known_hosts stays clean.
        "ssh_known_hosts_file": str(key.with_name(f"known_hosts-{host.alias}")),
        "ssh_strict_host_key_checking": "accept-new",
    }
    return host.ip, data


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
