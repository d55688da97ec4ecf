"""The container engine that the test hosts run on: the one that answers, or one of our own."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.integration.session import locked, machine_lock

# A commit or a restart of a large container may be silent for longer than the SDK's 60 seconds.
REQUEST_TIMEOUT = 600
START_LIMIT = 60.0
STOP_LIMIT = 30.0

# With the folder of its log, which is of interest only if the start fails.
_started: list[tuple[subprocess.Popen[bytes], Path]] = []


class EngineUnavailable(RuntimeError):
    """No container engine answers and none could be started; the message says why."""


def ensure_engine() -> docker.DockerClient:
    """Return a client of an engine that answers, installing and starting Docker if need be."""
    engine, refusal = _answering()
    if engine is not None:
        install_docker_if_missing()
        return engine
    if os.environ.get("DOCKER_HOST"):
        # Whoever names an engine wants that one: another one would hide the mistake.
        raise EngineUnavailable(
            f"DOCKER_HOST={os.environ['DOCKER_HOST']} does not answer: {refusal}"
        )
    if Path("/var/run/docker.sock").exists() and os.geteuid() != 0:
        raise EngineUnavailable(f"no access to the engine's socket: {refusal}")
    install_docker_if_missing()
    # Where systemd runs, the installation has started it.
    engine, _ = _answering()
    return engine or start_engine()


def start_engine() -> docker.DockerClient:
    """Start dockerd, wait until it answers, and stop it (and only it) when Python ends."""
    dockerd = shutil.which("dockerd")
    if dockerd is None or os.geteuid() != 0:
        raise EngineUnavailable("starting a container engine takes dockerd and root")
    log = Path(tempfile.mkdtemp(prefix="omeroweb-bundle-dockerd-")) / "dockerd.log"
    with log.open("wb") as sink:
        # Its own session, so that a Ctrl-C meant for pytest leaves it up for the clean-up.
        process = subprocess.Popen(
            dockerd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started.append((process, log.parent))
    refusal = "no answer yet"
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        engine, refusal = _answering()
        if engine is not None:
            return engine
        time.sleep(0.2)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    stop_engines()
    raise EngineUnavailable(f"dockerd did not come up ({refusal}); the end of its log:\n{tail}")


def install_docker_if_missing() -> None:
    """Install the daemon, and the command that pyinfra's docker connector calls."""
    wanted = []
    if shutil.which("dockerd") is None and _answering()[0] is None:
        wanted += ["docker.io", "iptables"]
    if shutil.which("docker") is None:
        # A package of its own from Debian 13 on, part of docker.io before.
        wanted.append("docker-cli" if _apt_knows("docker-cli") else "docker.io")
    if wanted:
        apt_install(*dict.fromkeys(wanted))


def apt_install(*packages: str) -> None:
    """Install Debian packages on the machine that runs the tests."""
    if shutil.which("apt-get") is None:
        raise EngineUnavailable(f"{', '.join(packages)} missing, and no apt-get to install it with")
    apt = as_root("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y")
    waiting = ["-o", "DPkg::Lock::Timeout=600"]
    # One broken source of many is common, and the lists at hand may do: a failed update is no end.
    # It also gives up where another process updates.
    with locked(machine_lock("apt")):
        _quietly([*apt, "update"])
        done = _quietly([*apt, *waiting, "install", "--no-install-recommends", *packages])
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-10:])
        raise EngineUnavailable(f"apt-get could not install {', '.join(packages)}:\n{end}")


def as_root(*command: str) -> list[str]:
    """Prefix a command so that it runs as root, or fails rather than asking for a password."""
    return list(command) if os.geteuid() == 0 else ["sudo", "-n", *command]


def _quietly(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise EngineUnavailable(f"neither root nor sudo for {command[-1]}") from missing


def _apt_knows(package: str) -> bool:
    shown = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
    return shown.returncode == 0


def _answering() -> tuple[docker.DockerClient | None, str]:
    try:
        engine = docker.from_env(timeout=REQUEST_TIMEOUT)
        engine.ping()
    except (DockerException, OSError) as refusal:
        return None, str(refusal)
    return engine, ""


def stop_engines() -> None:
    """Stop the engines that this process started, and no other."""
    while _started:
        process, folder = _started.pop()
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(stop_engines)
