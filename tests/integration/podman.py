"""Podman on this machine, with images, networks and state in a folder of the test's own."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from tests.integration.engine import apt_install, as_root

PACKAGES = ("podman", "netavark", "aardvark-dns", "catatonit", "runc")
LIMIT = 120  # seconds


class Podman:
    """Runs podman's commands. Without systemd it has neither its cgroups nor its timers."""

    def __init__(self, folder: Path, network: str) -> None:
        self.folder, self.network = folder, network
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # not more than this process may have
        ulimits = [f"nofile={most}:{most}", "nproc=4096:4096"]
        self._configuration = folder / "containers.conf"
        self._configuration.write_text(
            f"[containers]\ndefault_ulimits = {json.dumps(ulimits)}\n"
            '[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "none"\n'
            '[network]\nnetwork_backend = "netavark"\n'
            f'network_config_dir = "{folder}/networks"\n'
        )

    def run(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            as_root(
                *("env", f"CONTAINERS_CONF={self._configuration}", "podman"),
                *("--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run", *arguments),
            ),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done.stdout

    def load(self, engine: docker.DockerClient, image: str, name: str) -> None:
        """Copy an image of Docker."""
        archive = self.folder / "image.tar"
        with archive.open("wb") as file:
            for chunk in engine.images.get(image).save(named=False):
                file.write(chunk)
        loaded = self.run("load", "-q", "-i", str(archive)).split()[-1]
        self.run("tag", loaded, name)
        archive.unlink()

    def address(self, pod: str) -> str:
        """Return the IP address of a pod."""
        infra = self.run("pod", "inspect", pod, "--format", "{{.InfraContainerID}}").strip()
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.run("inspect", infra, "--format", template).strip()


@contextmanager
def podman(network: str) -> Iterator[Podman]:
    """Install Podman if it is missing, and remove all of its pods and images at the end."""
    if not (shutil.which("podman") and shutil.which("catatonit")):
        apt_install(*PACKAGES)
    folder = Path(tempfile.mkdtemp(prefix="podman-", dir="/tmp"))  # its names may not be long
    found = Podman(folder, network)
    try:
        found.run("network", "create", network)
        yield found
    finally:
        found.run("pod", "rm", "-f", "-a", "-t", "1", check=False)
        found.run("network", "rm", "-f", network, check=False)
        found.run("rmi", "-f", "-a", check=False)
        subprocess.run(as_root("rm", "-rf", str(folder)), check=False)
