"""Deploy OMERO.web itself: user, release, configuration, service, commands and daily jobs."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import Any

from omeroweb_ops.locations import CURRENT
from omeroweb_ops.releases.installed import COMPLETE
from pyinfra import host

from .. import takeover
from ..conventions import FAIL_TIMEOUT, IMAGE_GROUP, USER, has_socket
from ..inventory.settings import Settings
from ..operations import background, firewall, known_facts, omerodir, packages, services, users
from ..operations.phases import role
from ..operations.sync import sync
from ..target import Target
from ..target.closed_ports import closed_ports
from . import (
    branding,
    configuration,
    expectations,
    files,
    health,
    notify,
    service,
    trusted_proxies,
)
from .release import TASK, Release, build, is_complete, provide_ice, start_build, wanted
from .tools import install_uv, send_uv

__all__ = [
    "activate",
    "check",
    "configure",
    "install",
    "install_in_image",
    "package_names",
    "report",
    "wanted",
]

IMAGE_UID = 1000
PYTHON_TASK = "python"  # of `background`


def package_names(target: Target) -> tuple[str, ...]:
    """Return the packages that a host needs besides those of `install`."""
    return (*packages.WEB, *packages.MANAGERS[target.manager])


def questions(target: Target, release: Release) -> Iterator[known_facts.Question[Any]]:
    """Yield the questions of an idle deploy to a web host."""
    for each in _services(target, release):
        yield services.question(each, target.manager)
    yield branding.question(target.site.branding(target.member), target.application.static_root)
    if closed_ports(target):
        yield firewall.QUESTION
    complete = is_complete(target.survey.prefetched.state(f"{release.path}/{COMPLETE}"))
    if complete and not target.site.branding(target.member):
        # without branding, which must be there before
        yield configuration.question(release.path, "check", target.site.desired(target.member))


def _services(target: Target, release: Release) -> Iterator[services.Service]:
    yield _service(target, release)
    yield services.cron()
    if notify.is_wanted(target) and target.manager == "systemd":
        yield notify.service()


@role("OMERO.web")
def install(target: Target, release: Release) -> None:
    """Install what builds the release, and start to build it; `check` waits for the end.

    Nothing that the active release executes is written, and an existing installation keeps running.
    """
    found, compiles = target.survey.existing, release.ice.is_compiled_for(host.name)
    packages.start_install(name="Start to install Python", names=packages.IMAGE, task=PYTHON_TASK)
    users.create(name=f"Create user {USER}", uid=None)
    send_uv(name="Send uv", arch=target.survey.arch, compiles=compiles)
    background.wait(name="Install Python", task=PYTHON_TASK)
    if found.is_installed:
        takeover.give_files(name=f"Give files to {USER}")
    if found.omerodir or found.link:
        takeover.carry_over(name="Carry over configuration", found=found)
    sync(name="Make directories", items=omerodir.directories())
    install_tools(target.survey.arch, release)
    start_build(name="Build release", release=release)


def install_tools(arch: str, release: Release) -> None:
    """Install uv and zeroc-ice. arch: the machine's name of the host (uname(1))."""
    compiles = release.ice.is_compiled_for(host.name)
    install_uv(name="Install uv", arch=arch, compiles=compiles)
    provide_ice(name="Provide zeroc-ice", wheel=release.ice)


@role("OMERO.web")
def install_in_image(release: Release) -> None:
    """Install packages, user and release in an image, whose own process becomes the service."""
    packages.install(name="Install packages", names=(*packages.IMAGE, *packages.INIT))
    users.create(name=f"Create user {USER}", uid=IMAGE_UID, group=IMAGE_GROUP)
    sync(name="Make directories", items=omerodir.directories(image=True))
    install_tools(platform.machine(), release)
    build(name="Build release", release=release)
    settings = Settings()
    own = service.omero_web(release, settings, "image", socket=False)
    sync(
        name="Write commands",
        items=[*files.commands(own, settings, "image"), files.upstream_command()],
    )


@role("OMERO.web")
def check(target: Target, release: Release) -> None:
    """Check the configuration before another release or configuration becomes active.

    Static files are collected while the active release keeps running.
    """
    background.wait(name="Wait for the release", task=TASK)
    own, desired = target.site.branding(target.member), target.site.desired(target.member)
    if own:  # in a directory that no configuration names yet; the check tries its templates
        sync(name="Write branding", items=branding.items(own))
    configuration.check(
        name="Check configuration", release=release.path, current=CURRENT, desired=desired
    )
    configuration.collect_static(name="Collect static files", release=release.path, desired=desired)


@role("OMERO.web")
def configure(target: Target, release: Release) -> None:
    """Write commands and services, link the release, apply the configuration, close the port.

    The release has been accepted: after a refused deploy, a reboot runs the active release with the
    files that belong to it. The active release keeps running with the code that it has loaded. An
    existing installation ends here.
    """
    found = target.survey.existing
    if found.commands:
        takeover.back_up_commands(name="Back up commands", paths=found.commands)
    if found.has_omero_web:
        takeover.end(name="End existing installation", found=found)
    own, ports = _service(target, release), closed_ports(target)
    sync(
        name="Write files",
        items=[
            *files.commands(own, target.settings, target.manager),
            *files.site_items(target, own),
            expectations.expected(target),
            expectations.nginx_status(target),
            health.item(target.settings),
            *notify.items(target),
            trusted_proxies.proxies(target),
            *firewall.items(ports, systemd=target.survey.systemd),
        ],
    )
    configuration.apply(name="Apply configuration", release=release.path)
    if ports:
        firewall.load(name="Close port except to NGINX", manager=target.manager)


@role("OMERO.web")
def activate(target: Target, release: Release) -> None:
    """Run OMERO.web and cron.

    If there are several hosts, the first one shows whether the change works. If it fails, the
    deploy ends, and OMERO.web on the other hosts stays as it is.
    """
    manager, hosts = target.manager, target.site.group("web")
    own = _service(target, release)
    # Hosts are restarted one after the other: meanwhile NGINX uses the others.
    pause = FAIL_TIMEOUT if len(hosts) > 1 else 0
    # two lines, because pyinfra runs operations in the order of their lines
    if target.member.name == hosts[0].name:
        services.run(name="Run omero-web", service=own, manager=manager, pause=pause)
    else:
        services.run(name="Run omero-web on other hosts", service=own, manager=manager, pause=pause)
    branding.remove_old(
        name="Remove old branding",
        branding=target.site.branding(target.member),
        static_root=target.application.static_root,
    )
    services.run(name="Run cron", service=services.cron(), manager=manager)
    if notify.is_wanted(target) and manager == "systemd":
        services.run(name="Run timer of doctor", service=notify.service(), manager=manager)


@role("OMERO.web")
def report() -> None:
    """Warn of what keeps users from logging in, although the deploy has succeeded."""
    configuration.report(name="Report what users will miss")


def _service(target: Target, release: Release) -> services.Service:
    socket = has_socket(target.groups)
    return service.omero_web(release, target.settings, target.manager, socket=socket)
