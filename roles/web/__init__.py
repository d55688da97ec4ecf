"""OMERO.web itself: user, release, configuration, service, commands and the daily job."""

from __future__ import annotations

from omeroweb_ops.locations import BASE

from .. import packages, services
from ..items import settle
from ..phases import named
from ..site import LOCATIONS, Member, Site
from . import configuration, files, release, user
from .release import wanted
from .user import USER

__all__ = ["activate", "configure", "install", "wanted"]

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
IMAGE_UID = 1000
CURRENT = BASE / "venv3"  # a link to the release that serves; the Ansible role's name for it


def service(target: release.Release) -> services.Service:
    """gunicorn in the foreground; restarted for another release, reloaded for another setting."""
    environment = (
        ("OMERODIR", str(LOCATIONS.omerodir)),
        ("OMERO_USERDIR", f"{LOCATIONS.omerodir}/var/omero"),
    )
    assigned = " ".join(f"{name}={value}" for name, value in environment)
    return services.Service(
        name="omero-web",
        command=f"{CURRENT}/bin/gunicorn --config {files.GUNICORN} omeroweb.wsgi:application",
        user=USER,
        environment=environment,
        restart_on=f"echo {target.name}; cat {files.UNIT} {files.PROGRAM} {files.GUNICORN}",
        reload_on=f"{files.OPS} config digest",
        stop_seconds=40,  # gunicorn gives requests 30 s to end
        ready=f"{files.OPS} ready --timeout 60 --current",
        log="echo 'the end of the log:'; { journalctl -q -u omero-web -n 25 --no-pager -o cat || "
        "tail -n 25 /var/log/supervisor/omero-web.log; } 2> /dev/null",
        trial=f"runuser -u {USER} -- env {assigned} {CURRENT}/bin/python -m omeroweb_ops.trial",
        back=_BACK,
        again=f"{BASE}/bin/service restart",
    )


@named("OMERO.web")
def install(target: release.Release, manager: str) -> None:
    """Packages, user, release and commands; nothing of this site.

    manager: what runs services; `image` where the container's own process is the service.
    """
    image = manager == "image"
    packages.installed(name="Install packages", names=_PACKAGES[manager])
    user.present(name=f"Create user {USER}", uid=IMAGE_UID if image else None)
    settle(name="Make directories", items=files.directories(image=image))
    release.tools(name="Install uv")
    release.ice(name="Provide zeroc-ice", wheel=target.ice)
    release.built(name="Build release", release=target)
    settle(name="Write commands", items=files.commands(service(target), manager, target))


@named("OMERO.web")
def configure(site: Site, member: Member, target: release.Release, manager: str) -> None:
    """Service description, daily job and OMERO.web's own configuration."""
    items = files.site_items(site.desired(member), service(target), manager)
    settle(name="Write files", items=items)
    configuration.applied(name="Apply configuration")


@named("OMERO.web")
def activate(site: Site, member: Member, target: release.Release, manager: str) -> None:
    """Static files of the release, then the service, then its daily job."""
    root = str(site.effective(member, "omero.web.static_root"))
    # Django starts here for the first time with a changed configuration, before anyone sees it.
    undo = f"if {services.if_changed(service(target))}; then {_BACK}; fi >&2"
    release.static_collected(name="Collect static files", release=target, root=root, undo=undo)
    services.running(name="Run omero-web", service=service(target), manager=manager)
    services.running(name="Run cron", service=services.cron(), manager=manager)
