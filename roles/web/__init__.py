"""OMERO.web itself: user, release, configuration, service, commands and the daily job."""

from __future__ import annotations

from omeroweb_ops.locations import CURRENT

from .. import firewall, packages, services
from ..items import settle
from ..phases import named
from ..settings import Settings
from ..site import FAIL_TIMEOUT, USER, Member, Site
from ..survey import Survey
from . import (
    branding,
    configuration,
    doctor,
    files,
    front,
    health,
    release,
    service,
    takeover,
    user,
)
from .release import wanted

__all__ = ["activate", "check", "configure", "install", "install_in_image", "wanted"]

IMAGE_UID = 1000


@named("OMERO.web")
def install(target: release.Release, member: Member, survey: Survey) -> None:
    """Packages, user, release and commands; nothing of this site, and nothing that serves yet.

    What was installed otherwise goes on serving.
    """
    found, manager = survey.earlier, survey.manager
    names = (*packages.WEB, *packages.MANAGERS[manager])
    packages.installed(name="Install packages", names=names)
    user.present(name=f"Create user {USER}", uid=None)
    if found.is_installed:
        takeover.given(name=f"Give files to {USER}")
    if found.omerodir or found.link:
        takeover.carried_over(name="Carry configuration over", found=found)
    settle(name="Make directories", items=files.directories())
    release.tools(name="Install uv")
    release.ice(name="Provide zeroc-ice", wheel=target.ice)
    release.built(name="Build release", release=target)
    if found.commands:
        takeover.commands_kept(name="Keep commands", paths=found.commands)
    own = files.commands(_service(target, member, manager), member.settings, manager)
    settle(name="Write commands", items=own)


@named("OMERO.web")
def install_in_image(target: release.Release) -> None:
    """The same, where the container's own process is going to be the service."""
    packages.installed(name="Install packages", names=packages.IMAGE)
    user.present(name=f"Create user {USER}", uid=IMAGE_UID)
    settle(name="Make directories", items=files.directories(image=True))
    release.tools(name="Install uv")
    release.ice(name="Provide zeroc-ice", wheel=target.ice)
    release.built(name="Build release", release=target)
    settings = Settings()
    own = service.omero_web(target, settings, "image", socket=False)
    settle(
        name="Write commands",
        items=[*files.commands(own, settings, "image"), files.upstream_command()],
    )


@named("OMERO.web")
def check(site: Site, member: Member, target: release.Release) -> None:
    """What cannot be applied stops here: before another release or another configuration serves.

    Static files are collected while what serves goes on serving.
    """
    own, desired = site.branding(member), site.desired(member)
    if own:  # in a folder of its own, which no configuration names yet; its templates are tried
        settle(name="Write branding", items=branding.items(own))
    configuration.checked(
        name="Check configuration", release=target.path, current=CURRENT, desired=desired
    )
    configuration.collected(name="Collect static files", release=target.path, desired=desired)


@named("OMERO.web")
def configure(site: Site, member: Member, target: release.Release, survey: Survey) -> None:
    """Service description, daily job, release, OMERO.web's own configuration, and who may reach its
    port. What serves goes on with what it has loaded.

    What was installed otherwise ends here.
    """
    if survey.earlier.of_web:
        takeover.ended(name="End the earlier installation", found=survey.earlier)
    own = _service(target, member, survey.manager)
    settle(
        name="Write files",
        items=[
            *files.site_items(site, member, survey, own, service.liveness()),
            doctor.expected(site, member, survey),
            health.item(member.settings),
            front.proxies(site, member, survey),
            *firewall.items(site, member, survey),
        ],
    )
    configuration.applied(name="Apply configuration", release=target.path)
    if firewall.closed_ports(site, member, survey):
        firewall.loaded(name="Close port to others than NGINX", manager=survey.manager)


@named("OMERO.web")
def activate(site: Site, member: Member, target: release.Release, manager: str) -> None:
    """The service, the one that watches it where that is not systemd itself, and the daily job."""
    root = str(site.effective(member, "omero.web.static_root"))
    several = len(site.group("web")) > 1
    services.running(
        name="Run omero-web",
        service=_service(target, member, manager),
        manager=manager,
        # One host after the other: NGINX asks the others meanwhile, and the first again by then.
        pause=FAIL_TIMEOUT if several else 0,
        _serial=several,
    )
    branding.swept(name="Remove old branding", branding=site.branding(member), static_root=root)
    if manager == "supervisor":
        services.running(name="Watch omero-web", service=service.liveness(), manager=manager)
    services.running(name="Run cron", service=services.cron(), manager=manager)


def _service(target: release.Release, member: Member, manager: str) -> services.Service:
    socket = service.has_socket(member.groups, manager)
    return service.omero_web(target, member.settings, manager, socket=socket)
