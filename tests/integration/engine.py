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

# A commit or a restart of a large container may be silent for longer than the SDK's 60 seconds.
REQUEST_TIMEOUT = 600
START_LIMIT = 60.0
STOP_LIMIT = 30.0


class EngineUnavailable(RuntimeError):
    """No container engine answers and none could be started; the message says why."""


def ensure_engine() -> docker.DockerClient:
    """Return a client of an engine that answers, installing and starting Docker if need be."""
    engine, refusal = _answering(None)
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
    return start_engine()


def start_engine(socket: Path | None = None, options: Sequence[str] = ()) -> docker.DockerClient:
    """Start dockerd, wait until it answers, and stop it (and only it) when Python ends.

    A socket and options are for an engine beside the machine's own; see test_hosts.py.
    """
    dockerd = shutil.which("dockerd")
    if dockerd is None or os.geteuid() != 0:
        raise EngineUnavailable("starting a container engine takes dockerd and root")
    where = ["--host", f"unix://{socket}"] if socket else []
    log = Path(tempfile.mkdtemp(prefix="omeroweb-bundle-dockerd-")) / "dockerd.log"
    with log.open("wb") as sink:
        # Its own session, so that a Ctrl-C meant for pytest leaves it up for the clean-up.
        process = subprocess.Popen(
            [dockerd, *where, *options],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    atexit.register(_stop, process)
    refusal = "no answer yet"
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        engine, refusal = _answering(socket)
        if engine is not None:
            return engine
        time.sleep(0.2)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    _stop(process)
    raise EngineUnavailable(f"dockerd did not come up ({refusal}); the end of {log}:\n{tail}")


def install_docker_if_missing() -> None:
    """Install the daemon, and the command that pyinfra's docker connector calls."""
    wanted = []
    if shutil.which("dockerd") is None and not _answers():
        wanted += ["docker.io", "iptables"]
    if shutil.which("docker") is None:
        # A package of its own from Debian 13 on, part of docker.io before.
        wanted.append("docker-cli" if _apt_knows("docker-cli") else "docker.io")
    if wanted:
        apt_install(*dict.fromkeys(wanted))


def apt_install(*packages: str) -> None:
    """Install Debian packages on the machine that runs the tests."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EngineUnavailable(f"{', '.join(packages)} missing, and no root with apt-get here")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-q", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode:
            end = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
            raise EngineUnavailable(f"apt-get {' '.join(command)} failed:\n{end}")


def _apt_knows(package: str) -> bool:
    shown = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
    return shown.returncode == 0


def _answers() -> bool:
    return _answering(None)[0] is not None


def _answering(socket: Path | None) -> tuple[docker.DockerClient | None, str]:
    try:
        if socket is None:
            engine = docker.from_env(timeout=REQUEST_TIMEOUT)
        else:
            engine = docker.DockerClient(f"unix://{socket}", timeout=REQUEST_TIMEOUT)
        engine.ping()
    except (DockerException, OSError) as refusal:
        return None, str(refusal)
    return engine, ""


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
