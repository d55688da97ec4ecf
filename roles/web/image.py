"""Run the web role's install functions for an image. The Dockerfile calls this module.

`./run pyinfra -y @local roles.web.image.wheel`, then `roles.web.image.install`, with
`plugins="omero-iviewer omero-figure"` for an image that has them
"""

from __future__ import annotations

import platform
from pathlib import Path

from omeroweb_ops.container import site_settings
from omeroweb_ops.state import derived
from omeroweb_ops.state.desired import Desired
from pyinfra import host
from pyinfra.api import DeployError

from ..conventions import IMAGE_GROUP, LOCATIONS, USER
from ..inventory.settings import read
from ..operations import packages
from ..operations.files import File
from ..operations.sync import sync
from ..survey.fact import ask
from . import configuration, release
from .role import install_in_image, install_tools

# A wheel in the build context saves the minutes of a compilation.
_AT_HAND = "wheels/zeroc_ice-*.whl"
IN_IMAGE = f"{LOCATIONS.omerodir}/var/desired.json"  # an image writes only to var


def wheel() -> None:
    """Provide only zeroc-ice, so that compilers stay in this stage."""
    packages.install(name="Install packages", names=["python3-venv"])
    install_tools(platform.machine(), _target())


def install(plugins: str = "") -> None:
    """Install the release, the commands and static files. plugins: names of the catalogue."""
    target = _target(plugins)
    install_in_image(target)
    # A container gets its configuration at its start; static files belong to the release.
    chosen, _ = site_settings.read({site_settings.PLUGINS: plugins})
    around = derived.DeploymentContext(
        front_elsewhere=True, serves_static=True, plugins=chosen.plugins
    )
    default = derived.with_derived(Desired(), around, LOCATIONS)
    desired = File(IN_IMAGE, default.dump(), f"{USER}:{IMAGE_GROUP}", "600", run_as=USER)
    configuration.check(
        name="Check configuration", release=target.path, current=target.path, desired=default
    )
    configuration.collect_static(name="Collect static files", release=target.path, desired=default)
    sync(name="Write default configuration", items=[desired])
    configuration.apply(name="Apply configuration", release=target.path)


def _target(plugins: str = "") -> release.Release:
    survey = ask(host)
    at_hand = sorted(Path(release.PROJECT).glob(_AT_HAND))
    wheel = str(at_hand[0]) if at_hand else None
    settings, findings = read({"web_ice_wheel": wheel, "web_plugins": plugins.split()})
    if findings:
        raise DeployError(f"PLUGINS: {'; '.join(each.message for each in findings)}")
    return release.wanted(settings, survey)
