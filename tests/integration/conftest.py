"""Fixtures of the tests that need real hosts: an engine, hosts on it, a browser."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import docker
import pytest
from docker.models.networks import Network

from roles.web.ice import Wheel
from tests.integration.container_images import Target, build, copy_sources
from tests.integration.engine import EngineUnavailable, ensure_engine
from tests.integration.hosts import Fleet, Host, deploy, docker_inventory
from tests.integration.images import ROOT, Kind, Suite
from tests.integration.session import NO_ENGINE, Session

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent


class MakeHost(Protocol):
    """Starts a host; see Fleet.make_host."""

    def __call__(
        self,
        kind: Kind = "plain",
        suite: Suite = "bookworm",
        name: str | None = None,
        image: str | None = None,
        network: Network | None = None,
    ) -> Host: ...


MakeOnce = Callable[[str, Callable[[int], str]], str]
ContainerImage = Callable[[Target], str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies here, so that `-m "not integration"` leaves it out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("integration")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> docker.DockerClient:
    """The container engine. Without one: a failure in CI, a loud skip elsewhere."""
    session = Session.of(request.config)
    try:
        if session and session.missing_engine.exists():
            raise EngineUnavailable(session.missing_engine.read_text())
        return ensure_engine()
    except EngineUnavailable as reason:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"{NO_ENGINE}: {reason}", pytrace=False)
        pytest.skip(f"{NO_ENGINE}: {reason}")


@pytest.fixture(scope="session")
def fleet(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The hosts of this session, their network and their SSH key; all removed at the end."""
    fleet = Fleet(engine, tmp_path_factory.mktemp("fleet"))
    yield fleet
    fleet.remove()


@pytest.fixture(scope="session")
def ssh_key(fleet: Fleet) -> Path:
    """The private key that logs in as `admin` on every host of kind `ssh`."""
    return fleet.key


@pytest.fixture(scope="session")
def make_session_host(fleet: Fleet) -> MakeHost:
    """Make a host that stays until the end of the session."""
    return fleet.make_host


@pytest.fixture
def make_host(fleet: Fleet) -> Iterator[MakeHost]:
    """Make a host that is removed at the end of the test."""
    made = len(fleet.hosts)
    yield fleet.make_host
    for host in fleet.hosts[made:]:
        host.remove()
    del fleet.hosts[made:]


@pytest.fixture(scope="session")
def make_once(request: pytest.FixtureRequest) -> MakeOnce:
    """Make a thing once for all processes of the session.

    make() gets the number of the process that removes it at the end, for Host.commit, and returns
    a text (the image's tag), which every process is given.
    """
    session = Session.of(request.config)

    def once(name: str, make: Callable[[int], str]) -> str:
        if session is None:
            return make(os.getpid())
        return session.make_once(name, lambda: make(session.pid))

    return once


@pytest.fixture(scope="session")
def ice_cache(make_session_host: MakeHost) -> Path:
    """The folder in which the bundle keeps Debian 12's zeroc-ice wheel.

    Where there is none yet, a deploy builds it from source and keeps it, as for everybody.
    """
    kept = Wheel.wanted(None, f"debian-12-{platform.machine()}").kept("@docker/any")
    if kept.wheel is None:
        with make_session_host("plain", name="ice") as host:
            deploy(docker_inventory(host, ("web",)), timeout=1500)
    assert kept.wheel
    return kept.folder


@pytest.fixture(scope="session")
def container_image(
    engine: docker.DockerClient,
    ice_cache: Path,
    make_once: MakeOnce,
    tmp_path_factory: pytest.TempPathFactory,
) -> ContainerImage:
    """Build an image of compose.yaml once for all processes of the session; returns its id."""
    project = tmp_path_factory.mktemp("project")
    (wheel,) = ice_cache.glob("*.whl")
    copy_sources(project, wheel)

    def image(target: Target) -> str:
        if target != "web":  # whose layers the others use
            image("web")
        return make_once(f"image-{target}", lambda _owner: build(engine, project, target))

    return image


@pytest.fixture(scope="session")
def deployed_image(make_session_host: MakeHost, make_once: MakeOnce) -> str:
    """A host without systemd that has had its first deploy: the start of tests about changes."""
    return _deployed("plain", make_session_host, make_once)


@pytest.fixture(scope="session")
def deployed_systemd_image(make_session_host: MakeHost, make_once: MakeOnce) -> str:
    """The same with systemd: a copy serves once it has booted."""
    return _deployed("systemd", make_session_host, make_once)


def _deployed(kind: Kind, make_host: MakeHost, make_once: MakeOnce) -> str:
    def make(owner: int) -> str:
        with make_host(kind, name=f"deployed-{kind}") as host:
            deploy(docker_inventory(host))
            return host.commit(owner)

    return make_once(f"deployed_{kind}", make)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser."""
    from playwright.sync_api import sync_playwright

    from tests.integration.chromium import launch

    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except EngineUnavailable as reason:
            pytest.fail(f"no chromium: {reason}", pytrace=False)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """The folder for pictures that a person may want to look at."""
    folder = ROOT / ".artifacts" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
