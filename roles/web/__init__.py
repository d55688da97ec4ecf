"""OMERO.web itself: user, release, configuration, service, commands and the daily job."""

from __future__ import annotations

from omeroweb_ops.locations import BASE, CURRENT

from .. import packages, services
from ..earlier import NOTHING, Earlier
from ..items import settle
from ..phases import named
from ..site import LOCATIONS, Member, Site
from ..survey import Survey
from . import branding, configuration, doctor, files, front, health, release, takeover, user
from .release import wanted
from .user import ENVIRONMENT, USER

__all__ = ["activate", "check", "collect", "configure", "install", "wanted"]

_IMAGE_PACKAGES = ["python3", "python3-venv", "ca-certificates"]
_HOST_PACKAGES = [*_IMAGE_PACKAGES, "cron", "sudo"]
_PACKAGES = {
    "image": _IMAGE_PACKAGES,
    "systemd": _HOST_PACKAGES,
    "supervisor": [*_HOST_PACKAGES, "supervisor"],
}
_BACK = (
    "echo 'OMERO.web does not start with this configuration; back to the one before:'; "
    f"{files.OPS} config rollback"
)
# Each worker leaves the digest of its configuration; one with the present one is enough.
_LOADED = (
    f'for f in {LOCATIONS.workers}/[0-9]*; do [ -d "/proc/${{f##*/}}" ] && '
    'echo "$now" | grep -qxF "$(cat "$f")" && exit 0; done; exit 1'
)
IMAGE_UID = 1000


def service(target: release.Release) -> services.Service:
    """gunicorn in the foreground; restarted for another release, reloaded for another setting."""
    return services.Service(
        name="omero-web",
        command=f"{CURRENT}/bin/gunicorn --config {files.GUNICORN} omeroweb.wsgi:application",
        user=USER,
        environment=ENVIRONMENT,
        restart_on=f"echo {target.name}; cat {files.UNIT} {files.PROGRAM} {files.GUNICORN}",
        reload_on=f"{files.OPS} config digest; cat {LOCATIONS.proxies}",
        loaded=_LOADED,
        stop_seconds=40,  # gunicorn gives requests 30 s to end
        ready=f"{files.OPS} ready --timeout 60 --current",
        log="echo 'the end of the log:'; { journalctl -q -u omero-web -n 25 --no-pager -o cat || "
        "tail -n 25 /var/log/supervisor/omero-web.log; } 2> /dev/null",
        back=_BACK,
        again=f"{BASE}/bin/service restart",
    )


@named("OMERO.web")
def install(target: release.Release, manager: str, found: Earlier = NOTHING) -> None:
    """Packages, user, release and commands; nothing of this site, and nothing that serves yet.

    manager: what runs services; `image` where the container's own process is the service.
    found: of an installation that was made otherwise; it goes on serving.
    """
    image = manager == "image"
    packages.installed(name="Install packages", names=_PACKAGES[manager])
    user.present(name=f"Create user {USER}", uid=IMAGE_UID if image else None)
    if found.omerodir or found.link:
        takeover.carried_over(name="Carry configuration over", found=found)
    settle(name="Make directories", items=files.directories(image=image))
    release.tools(name="Install uv")
    release.ice(name="Provide zeroc-ice", wheel=target.ice)
    release.built(name="Build release", release=target)
    if found.commands:
        takeover.commands_kept(name="Keep commands", paths=found.commands)
    settle(name="Write commands", items=files.commands(service(target), manager))


@named("OMERO.web")
def check(site: Site, member: Member, target: release.Release) -> None:
    """What cannot be applied stops here: before another release or another configuration serves."""
    own = site.branding(member)
    if own:  # in a folder of its own, which no configuration names yet; its templates are tried
        settle(name="Write branding", items=branding.items(own))
    configuration.checked(
        name="Check configuration",
        release=target.path,
        current=CURRENT,
        desired=site.desired(member),
    )


@named("OMERO.web")
def configure(site: Site, member: Member, target: release.Release, survey: Survey) -> None:
    """Service description, daily job, OMERO.web's own configuration, and who may reach its port.

    What was installed otherwise ends here.
    """
    if survey.earlier.of_web:
        takeover.ended(name="End the earlier installation", found=survey.earlier)
    items = files.site_items(site.desired(member), service(target), survey.manager)
    settle(
        name="Write files",
        items=[
            files.serving(target),
            *items,
            doctor.expected(site, member, survey),
            health.item(member.settings),
            *front.items(site, member, survey),
        ],
    )
    configuration.applied(name="Apply configuration")
    if front.is_guarded(site, member, survey):
        front.guarded(name="Close port to others than NGINX", manager=survey.manager)


@named("OMERO.web")
def collect(site: Site, member: Member, target: release.Release) -> None:
    """Static files of the release, before a page names them."""
    root = str(site.effective(member, "omero.web.static_root"))
    # Django starts here for the first time with a changed configuration, before anyone sees it.
    undo = f"if {services.if_changed(service(target))}; then {_BACK}; fi >&2"
    release.static_collected(name="Collect static files", release=target, root=root, undo=undo)


@named("OMERO.web")
def activate(site: Site, member: Member, target: release.Release, manager: str) -> None:
    """The service, then its daily job."""
    root = str(site.effective(member, "omero.web.static_root"))
    services.running(name="Run omero-web", service=service(target), manager=manager)
    branding.swept(name="Remove old branding", branding=site.branding(member), static_root=root)
    services.running(name="Run cron", service=services.cron(), manager=manager)
