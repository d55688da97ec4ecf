"""Whole configurations of real sites: exported, pasted into an inventory, and deployed.

tests/sites has them, written anew from what the sites publish.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from omeroweb_ops.state import plugin_catalogue

from roles.conventions import LOCATIONS
from roles.inventory.site import SCHEMA
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.omero_server import User, omero_server
from tests.integration.site_checks import BASE

SITES = sorted((ROOT / "tests" / "sites").glob("*.omero"))
USUAL = ("image_repository",)  # all with -m sweep
OLD = "/srv/old/OMERO.web"
PUBLIC = User("public", "public", "Public User")
# In the bundle's own Redis; of another name in its NGINX; of a property of an earlier plugin; and a
# filter that opens less.
CHANGED = (
    "omero.web.caches",
    "omero.web.application_server",
    "omero.web.gallery.footer_html",
    "omero.web.gallery.subheading_html",
    "omero.web.public.url_filter",
)


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    with make_session_host("plain", image=deployed_image) as host:
        host.run("echo 127.0.0.1 omero.example.org omero-test.example.org >> /etc/hosts")
        host.run("mkdir -p /etc/nginx/conf.d-nested-includes")
        host.write(
            "/etc/nginx/conf.d-nested-includes/more.conf", "location = /more { return 204; }"
        )
        with omero_server(host, PUBLIC):
            yield host


def exported(host: Host, site: Path, folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Load a site's file with upstream's command; what `config export` says, and what is stored."""
    omero = f"{BASE}/venv3/bin/python {BASE}/venv3/bin/omero"
    host.run(f"rm -rf {OLD} && install -d -o omero-web {OLD} {OLD}/etc/grid {OLD}/var")
    host.write("/srv/site.omero", site.read_text())
    host.run(
        f"env HOME=/tmp OMERODIR={OLD} OMERO_USERDIR={OLD}/var {omero} load /srv/site.omero",
        user="omero-web",
        cwd="/srv",
    )
    grid = folder / "etc" / "grid"
    grid.mkdir(parents=True)
    host.copy_out(f"{OLD}/etc/grid/config.xml", grid / "config.xml")
    secrets = folder / "secrets.yml"
    shown = subprocess.run(
        [ROOT / "run", "omeroweb-ops", "config", "export", "--secrets", secrets],
        env={**os.environ, "OMERODIR": str(folder)},
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    properties = ElementTree.parse(grid / "config.xml").getroot().iter("property")
    stored = {each.attrib["name"]: each.attrib["value"] for each in properties}
    return ast.literal_eval("{" + shown + "}"), stored


@pytest.mark.parametrize(
    "site",
    [
        pytest.param(each, id=each.stem, marks=[] if each.stem in USUAL else pytest.mark.sweep)
        for each in SITES
    ],
)
def test_a_site_s_configuration_is_exported_and_deployed(
    host: Host, site: Path, tmp_path: Path
) -> None:
    settings, stored = exported(host, site, tmp_path)
    text = docker_inventory(host, **settings)
    first = deploy(text)
    assert "warning" not in first.output.lower(), first.output
    assert deploy(text).changed_operations == ()
    now = host.run("omero config get --show-password").stdout.splitlines()
    found = dict(line.partition("=")[::2] for line in now)
    different = {
        name: (value, found.get(name))  # a default is not stored
        for name, value in stored.items()
        if name.startswith("omero.web.")
        and name not in CHANGED
        and not _same(value, found.get(name) or default(name))
    }
    assert different == {}


def default(name: str) -> str:
    return SCHEMA.default(name, LOCATIONS.omerodir) or "" if name in SCHEMA else ""


def _same(before: str, now: str) -> bool:
    """Whether a property has its value, but for the names that apps had in earlier versions."""
    for plugin in plugin_catalogue.catalogue().values():
        for app in plugin.former_apps:
            before = before.replace(app, plugin.app)
    wanted, found = yaml.safe_load(before), yaml.safe_load(now)
    if isinstance(wanted, list):  # the bundle adds what it needs
        return [item for item in found or [] if item in wanted] == wanted
    if isinstance(wanted, str):
        return wanted.rstrip("/") == str(found).rstrip("/")
    return bool(wanted == found)
