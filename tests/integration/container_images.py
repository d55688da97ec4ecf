"""The images of compose.yaml, each built once in a session, from what git would commit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import docker
from docker.models.containers import Container

from tests.integration.compose_tools import compose_v2
from tests.integration.hosts import project_files
from tests.integration.images import REPOSITORY, ROOT, base_image

Target = Literal["web", "nginx", "redis"]
PLUGIN = "omero-figure"
NAMES: dict[Target, str] = {
    "web": "omero-web",
    "nginx": "omero-web-nginx",
    "redis": "omero-web-redis",
}
_BUILD_LIMIT = 1200  # seconds


def output(container: Container, *command: str) -> str:
    """Run a command in a container, which must succeed, and return what it prints."""
    done = container.exec_run(list(command))
    assert done.exit_code == 0, done.output
    assert isinstance(done.output, bytes)
    return done.output.decode().strip()


def commands(container: Container) -> list[str]:
    """Return the command line of each process of a container.

    ps cuts lines at COLUMNS, which the engine may have from who started it; -ww does not.
    """
    listed = container.top(ps_args="-ewwo pid,args")["Processes"]
    return [line[-1] for line in listed]


def build_variables(engine: docker.DockerClient, tag: str) -> dict[str, str]:
    """Return the environment in which Compose builds images with a tag."""
    return {
        **os.environ,
        "BASE": base_image(engine, "plain"),
        "DOCKER_BUILDKIT": "0",  # a name of an image of this machine is enough for the base
        "IMAGE_TAG": tag,
        "PLUGINS": PLUGIN,
    }


def build(engine: docker.DockerClient, project: Path, target: Target) -> str:
    """Build an image from a copy of the project and return its id."""
    tag = f"{REPOSITORY}-{os.getpid()}-build"  # no other session's
    done = subprocess.run(
        [*compose_v2(), "build", target],
        cwd=project,
        env=build_variables(engine, tag),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_BUILD_LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:]
    image = engine.images.get(f"{NAMES[target]}:{tag}")
    image.tag(f"{REPOSITORY}/{NAMES[target]}")  # for the layers, until the next session
    engine.images.remove(f"{NAMES[target]}:{tag}")
    return str(image.id)


def copy_sources(folder: Path, wheel: Path) -> None:
    """Copy the project, with a wheel of zeroc-ice as a developer has it."""
    for name in project_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / "wheels").mkdir(exist_ok=True)
    shutil.copy2(wheel, folder / "wheels")
