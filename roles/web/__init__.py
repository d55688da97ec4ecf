"""OMERO.web itself: user, release, configuration, service, commands and the daily job."""

from __future__ import annotations

from omeroweb_ops.locations import CURRENT
from omeroweb_ops.property_names import STATIC_ROOT

from .. import takeover
from ..conventions import FAIL_TIMEOUT, USER, has_socket
from ..inventory.settings import Settings
from ..inventory.site import Member, Site
from ..operations import firewall, omerodir, packages, services, users
from ..operations.files import sync
from ..operations.phases import role
from ..survey import Survey
from ..target.closed_ports import closed_ports
from . import (
    branding,
    configuration,
    expectations,
    files,
    health,
    release,
    service,
    trusted_proxies,
)
from .release import wanted

__all__ = ["activate", "check", "configure", "install", "install_in_image", "wanted"]

IMAGE_UID = 1000


@role("OMERO.web")
def install(target: release.Release, member: Member, survey: Survey) -> None:
    """Packages, user, release and commands; nothing of this site, and nothing that serves yet.

    What was installed otherwise goes on serving.
    """
    found, manager = survey.existing, survey.manager
    names = (*packages.WEB, *packages.MANAGERS[manager])
    packages.install(name="Install packages", names=names)
    users.create(name=f"Create user {USER}", uid=None)
    if found.is_installed:
        takeover.give_files(name=f"Give files to {USER}")
    if found.omerodir or found.link:
        takeover.carry_over(name="Carry configuration over", found=found)
    sync(name="Make directories", items=omerodir.directories())
    release.install_uv(name="Install uv")
    release.provide_ice(name="Provide zeroc-ice", wheel=target.ice)
    release.build(name="Build release", release=target)
    if found.commands:
        takeover.back_up_commands(name="Keep commands", paths=found.commands)
    own = files.commands(_service(target, member, manager), member.settings, manager)
    sync(name="Write commands", items=own)


@role("OMERO.web")
def install_in_image(target: release.Release) -> None:
    """The same, where the container's own process is going to be the service."""
    packages.install(name="Install packages", names=packages.IMAGE)
    users.create(name=f"Create user {USER}", uid=IMAGE_UID)
    sync(name="Make directories", items=omerodir.directories(image=True))
    release.install_uv(name="Install uv")
    release.provide_ice(name="Provide zeroc-ice", wheel=target.ice)
    release.build(name="Build release", release=target)
    settings = Settings()
    own = service.omero_web(target, settings, "image", socket=False)
    sync(
        name="Write commands",
        items=[*files.commands(own, settings, "image"), files.upstream_command()],
    )


@role("OMERO.web")
def check(site: Site, member: Member, target: release.Release) -> None:
    """What cannot be applied stops here: before another release or another configuration serves.

    Static files are collected while what serves goes on serving.
    """
    own, desired = site.branding(member), site.desired(member)
    if own:  # in a folder of its own, which no configuration names yet; its templates are tried
        sync(name="Write branding", items=branding.items(own))
    configuration.check(
        name="Check configuration", release=target.path, current=CURRENT, desired=desired
    )
    configuration.collect_static(name="Collect static files", release=target.path, desired=desired)


@role("OMERO.web")
def configure(site: Site, member: Member, target: release.Release, survey: Survey) -> None:
    """Service description, daily job, release, OMERO.web's own configuration, and who may reach its
    port. What serves goes on with what it has loaded.

    What was installed otherwise ends here.
    """
    if survey.existing.has_omero_web:
        takeover.end(name="End the earlier installation", found=survey.existing)
    own = _service(target, member, survey.manager)
    sync(
        name="Write files",
        items=[
            *files.site_items(site, member, survey, own, service.liveness()),
            expectations.expected(site, member, survey),
            health.item(member.settings),
            trusted_proxies.proxies(site, member, survey),
            *firewall.items(closed_ports(site, member, survey), systemd=survey.systemd),
        ],
    )
    configuration.apply(name="Apply configuration", release=target.path)
    if closed_ports(site, member, survey):
        firewall.load(name="Close port to others than NGINX", manager=survey.manager)


@role("OMERO.web")
def activate(site: Site, member: Member, target: release.Release, manager: str) -> None:
    """The service, the one that watches it where that is not systemd itself, and the daily job."""
    root = str(site.effective(member, STATIC_ROOT))
    several = len(site.group("web")) > 1
    services.run(
        name="Run omero-web",
        service=_service(target, member, manager),
        manager=manager,
        # One host after the other: NGINX asks the others meanwhile, and the first again by then.
        pause=FAIL_TIMEOUT if several else 0,
        _serial=several,
    )
    branding.remove_old(
        name="Remove old branding", branding=site.branding(member), static_root=root
    )
    if manager == "supervisor":
        services.run(name="Watch omero-web", service=service.liveness(), manager=manager)
    services.run(name="Run cron", service=services.cron(), manager=manager)


def _service(target: release.Release, member: Member, manager: str) -> services.Service:
    socket = has_socket(member.groups, manager)
    return service.omero_web(target, member.settings, manager, socket=socket)
