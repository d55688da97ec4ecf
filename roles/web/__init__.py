"""OMERO.web itself: user, release, configuration, service, commands and the daily job."""

from __future__ import annotations

from omeroweb_ops.locations import BASE

from .. import packages, services
from ..items import settle
from ..phases import named
from ..site import LOCATIONS, Member, Site
from ..survey import Survey
from . import configuration, files, release, user
from .release import wanted
from .user import USER

__all__ = ["activate", "configure", "install", "wanted"]

CURRENT = BASE / "venv3"  # a link to the release that serves; the Ansible role's name for it


def service(target: release.Release) -> services.Service:
    """gunicorn in the foreground; restarted for another release, reloaded for another setting."""
    return services.Service(
        name="omero-web",
        command=f"{CURRENT}/bin/gunicorn --config {files.GUNICORN} omeroweb.wsgi:application",
        user=USER,
        environment=(
            ("OMERODIR", str(LOCATIONS.omerodir)),
            ("OMERO_USERDIR", f"{LOCATIONS.omerodir}/var/omero"),
        ),
        restart_on=f"echo {target.name}; cat {files.UNIT} {files.PROGRAM} {files.GUNICORN}",
        reload_on=f"{files.OPS} config digest",
        stop_seconds=40,  # gunicorn gives requests 30 s to end
        ready=f"{files.OPS} ready --timeout 60",
    )


@named("OMERO.web")
def install(target: release.Release, survey: Survey) -> None:
    """Packages, user and release; nothing of this site. An image build runs this alone."""
    names = ["python3", "python3-venv", "ca-certificates", "cron", "sudo"]
    if survey.manager == "supervisor":
        names.append("supervisor")
    packages.installed(name="Install packages", names=names)
    user.present(name=f"Create user {USER}")
    settle(name="Make directories", items=files.directories())
    release.tools(name="Install uv")
    release.ice(name="Provide zeroc-ice", wheel=target.ice)
    release.built(name="Build release", release=target)


@named("OMERO.web")
def configure(site: Site, member: Member, target: release.Release, survey: Survey) -> None:
    """Commands, service description and OMERO.web's own configuration."""
    settle(
        name="Write files",
        items=files.items(site, member, service(target), survey.manager, target),
    )
    configuration.applied(name="Apply configuration")


@named("OMERO.web")
def activate(target: release.Release, survey: Survey) -> None:
    """Static files of the release, then the service, then its daily job."""
    release.static_collected(name="Collect static files", release=target)
    services.running(name="Run omero-web", service=service(target), manager=survey.manager)
    services.running(name="Run cron", service=files.cron_service(), manager=survey.manager)
